// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/http_api.h"

#include <charconv>
#include <utility>

#include "apps/payments/payment_core/field.h"
#include "apps/payments/payment_core/payment_json.h"
#include "sluice/http/error.h"
#include "sluice/sqlite/failure.h"
#include "sluice/telemetry/log.h"

namespace payment_core {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;
using sluice::http::Handler;
using sluice::http::Request;
using sluice::http::ResponseWriter;

constexpr size_t body_bytes_max = 16 * 1024;
constexpr int64_t page_default = 50;
constexpr int64_t page_max = 200;

Result<void> reply(ResponseWriter& response, const Answer& answer) {
  if (answer.replayed) response.headers().set("Idempotent-Replayed", "true");
  return response.json(answer.status, answer.body);
}

// SQLite's codes are about the database, never about the request: a full disk is not "too many
// requests", a broken constraint is not a bad one. Clients repeat a 5xx and take a 4xx as final.
int status_of(const Error& error) {
  if (const auto* detail = sluice::as<sluice::http::StatusDetail>(error)) return detail->status;
  const int status = sluice::info(error.code()).http_status;
  const bool is_ended = error.code() == Code::cancelled || error.code() == Code::deadline_exceeded;
  if (sluice::as<sluice::sqlite::Failure>(error) == nullptr || is_ended || status >= 500)
    return status;
  return error.code() == Code::resource_exhausted ? 503 : 500;
}

// What is the client's fault is told in full; what is ours is logged, and told in short.
Result<void> reply(Request& request, ResponseWriter& response, const Error& error) {
  const int status = status_of(error);
  if (status < 500) return response.json(status, to_json(error));
  sluice::log(
      sluice::Level::error, "request failed",
      {{"method", request.method_name()}, {"path", request.path()}, {"error", error.to_string()}});
  return response.json(status, to_json(Error{error.code(), "the service could not do this now"}));
}

// Turns the errors of `handle` into JSON.
template <class F>
Handler answering(F handle) {
  return [handle = std::move(handle)](Request& request, ResponseWriter& response) -> Result<void> {
    Result<void> handled = handle(request, response);
    if (handled || response.committed()) return handled;
    return reply(request, response, handled.error());
  };
}

// The type that curl -d claims passes too, so that trying the API by hand needs no header.
bool may_be_json(std::string_view type) {
  const std::string_view media = type.substr(0, type.find(';'));
  return media.empty() || media == "application/json" ||
         media == "application/x-www-form-urlencoded";
}

Result<std::string> read_body(Request& request) {
  if (!may_be_json(request.header("Content-Type")))
    return field_error("Content-Type", "must be application/json")
        .with(sluice::http::StatusDetail{415});
  return request.read_all(body_bytes_max).transform_error([](Error error) {
    if (error.code() != Code::resource_exhausted) return error;
    return error.with(sluice::http::StatusDetail{413});
  });
}

// Checked in the order a client would mend them: the key, then the body.
Result<std::string> read_key(Request& request) {
  if (request.headers().count("Idempotency-Key") > 1)
    return field_error("Idempotency-Key", "given more than once");
  std::string key{request.header("Idempotency-Key")};
  SLUICE_TRY(check_idempotency_key(key));
  return key;
}

Result<int64_t> query_integer(const Request& request, const char* name, int64_t otherwise,
                              int64_t most) {
  const std::optional<std::string> text = request.query(name);
  if (!text) return otherwise;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value < 1 || value > most)
    return field_error(name, "must be a whole number from 1 to " + std::to_string(most));
  return value;
}

Result<void> create_payment(Service& service, Request& request, ResponseWriter& response) {
  const std::string key = SLUICE_TRY(read_key(request));
  const std::string body = SLUICE_TRY(read_body(request));
  const CreatePayment command = SLUICE_TRY(parse_create_payment(body));
  return reply(response, SLUICE_TRY(service.create_payment(request.context(), key, command)));
}

Result<void> refund(Service& service, Request& request, ResponseWriter& response) {
  const std::string key = SLUICE_TRY(read_key(request));
  const std::string body = SLUICE_TRY(read_body(request));
  const CreateRefund command =
      SLUICE_TRY(parse_create_refund(std::string{request.param("id")}, body));
  return reply(response, SLUICE_TRY(service.refund(request.context(), key, command)));
}

Result<void> entries(Service& service, Request& request, ResponseWriter& response) {
  const int64_t limit = SLUICE_TRY(query_integer(request, "limit", page_default, page_max));
  const int64_t before = SLUICE_TRY(query_integer(request, "before", INT64_MAX, INT64_MAX));
  const EntryPage page =
      SLUICE_TRY(service.entries(request.context(), request.param("id"), before, limit));
  return response.json(200, to_json(page));
}

// The router's own refusals, in the words of this API.
Handler refusing_in_json(Handler next) {
  return [next = std::move(next)](Request& request, ResponseWriter& response) -> Result<void> {
    SLUICE_TRY(next(request, response));
    const bool is_ours = response.headers().get("Content-Type") == "application/json";
    if (response.committed() || is_ours) return {};
    if (response.status() == 404)
      return response.json(404, to_json(Error{Code::not_found, "no such path"}));
    if (response.status() == 405)
      return response.json(405, to_json(Error{Code::unimplemented, "no such method here"}));
    if (response.status() == 400)
      return response.json(400, to_json(Error{Code::invalid_argument, "malformed path"}));
    return {};
  };
}

}  // namespace

void add_routes(sluice::http::Router& router, Service& service,
                std::function<Result<void>()> readiness) {
  router.use(refusing_in_json);
  router.post("/v1/payments", answering([&service](Request& request, ResponseWriter& response) {
                return create_payment(service, request, response);
              }));
  router.get("/v1/payments/{id}",
             answering([&service](Request& request, ResponseWriter& response) -> Result<void> {
               const Payment payment =
                   SLUICE_TRY(service.payment(request.context(), request.param("id")));
               return response.json(200, to_json(payment));
             }));
  router.post("/v1/payments/{id}/refunds",
              answering([&service](Request& request, ResponseWriter& response) {
                return refund(service, request, response);
              }));
  router.get("/v1/accounts/{id}",
             answering([&service](Request& request, ResponseWriter& response) -> Result<void> {
               const Account account =
                   SLUICE_TRY(service.account(request.context(), request.param("id")));
               return response.json(200, to_json(account));
             }));
  router.get("/v1/accounts/{id}/entries",
             answering([&service](Request& request, ResponseWriter& response) {
               return entries(service, request, response);
             }));
  router.get("/healthz", [](Request&, ResponseWriter& response) {
    return response.json(200, R"({"status":"ok"})");
  });
  router.get("/readyz", answering([&service, readiness = std::move(readiness)](
                                      Request& request, ResponseWriter& response) -> Result<void> {
               SLUICE_TRY(readiness());
               SLUICE_TRY(service.check_ready(request.context()));
               return response.json(200, R"({"status":"ready"})");
             }));
}

}  // namespace payment_core
