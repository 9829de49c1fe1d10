// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/api_client.h"

#include <stdio.h>

#include <algorithm>
#include <utility>

#include "sluice/chan/select.h"
#include "sluice/http/url.h"
#include "sluice/json/value.h"

namespace payments_cmd {
namespace {

using sluice::Code;
using sluice::Context;
using sluice::Duration;
using sluice::Error;
using sluice::Result;
using sluice::http::ClientRequest;

constexpr Duration first_pause = std::chrono::milliseconds{10};
constexpr Duration longest_pause = std::chrono::milliseconds{500};

// One attempt: a server that is killed in the middle must not hold its client for long.
constexpr Duration attempt_timeout = std::chrono::seconds{15};

bool is_temporary(int status) { return status >= 500 || status == 408 || status == 429; }

}  // namespace

Result<void> check_base_url(const std::string& url) {
  Result<sluice::http::Url> parsed = sluice::http::Url::parse(url);
  if (!parsed) return wrap(parsed.error(), "--url \"" + url + "\" (http://host:port is wanted)");
  if (url.find_first_of("?#") != std::string::npos)
    return Error{Code::invalid_argument, "--url \"" + url + "\": has a query"};
  return {};
}

std::string ApiReply::error_text() const {
  Result<sluice::json::Value> parsed = sluice::json::parse(body);
  if (parsed)
    if (std::optional<sluice::json::Value> error = parsed->find("error"))
      if (Result<std::string_view> message = error->get_string("message"))
        return std::string{*message};
  return std::to_string(status) + " " + body.substr(0, 200);
}

ApiClient::ApiClient(std::string base_url, Duration patience, size_t connections)
    : base_url_(std::move(base_url)),
      patience_(patience),
      client_({.idle_per_host_max = connections, .connect_timeout = std::chrono::seconds{5}}) {
  while (base_url_.ends_with('/')) base_url_.pop_back();
}

Result<void> ApiClient::check_service(const Context& context) {
  const ClientRequest request{.method = "GET", .url = base_url_ + "/readyz"};
  Result<ApiReply> reply = try_once(context, request);
  if (!reply || is_temporary(reply->status)) {
    if (std::optional<Error> ended = context.err()) return *ended;
    const std::string reason = reply ? reply->error_text() : reply.error().to_string();
    fprintf(stderr, "payments: waiting for the service at %s: %s\n", base_url_.c_str(),
            reason.c_str());
    reply = send(context, request);
  }
  if (!reply) return reply.error();
  Result<sluice::json::Value> body = sluice::json::parse(reply->body);
  if (reply->status == 200 && body && body->get_string("status")) return {};
  return Error{Code::failed_precondition, "no payments service at " + base_url_ +
                                              ": GET /readyz answered " +
                                              std::to_string(reply->status)};
}

Result<ApiReply> ApiClient::post(const Context& context, std::string_view path,
                                 std::string_view key, std::string body) {
  ClientRequest request{
      .method = "POST", .url = base_url_ + std::string{path}, .body = std::move(body)};
  if (!request.headers.set("Idempotency-Key", key))
    return Error{Code::invalid_argument, "Idempotency-Key: not a header value"};
  request.headers.set("Content-Type", "application/json");
  return send(context, request);
}

Result<ApiReply> ApiClient::get(const Context& context, std::string_view path) {
  return send(context, {.method = "GET", .url = base_url_ + std::string{path}});
}

Result<ApiReply> ApiClient::send(const Context& context, const ClientRequest& request) {
  const sluice::Instant give_up = sluice::now() + patience_;
  for (Duration pause = first_pause;; pause = std::min(2 * pause, longest_pause)) {
    Result<ApiReply> reply = try_once(context, request);
    if (reply && !is_temporary(reply->status)) return reply;
    if (std::optional<Error> ended = context.err()) return *ended;
    if (sluice::now() + pause >= give_up) return reply;
    retries_.fetch_add(1, std::memory_order_relaxed);
    sluice::select(sluice::on_receive(context.done()), sluice::on_timeout(pause));
  }
}

Result<ApiReply> ApiClient::try_once(const Context& context, const ClientRequest& request) {
  auto [bounded, cancel] = sluice::with_timeout(context, attempt_timeout);
  sluice::http::ClientResponse response = SLUICE_TRY(client_.send(bounded, request));
  ApiReply reply{.status = response.status(),
                 .replayed = response.header("Idempotent-Replayed") == "true"};
  reply.body = SLUICE_TRY(response.read_all());
  return reply;
}

}  // namespace payments_cmd
