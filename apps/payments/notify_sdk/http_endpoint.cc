// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/notify_sdk/http_endpoint.h"

#include <utility>

#include "apps/payments/notify_sdk/signature.h"
#include "sluice/http/url.h"

namespace notify_sdk {

using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;

namespace {

// What a receiver may say beyond its status; more than this closes the connection.
constexpr size_t answer_bytes_max = 64 * 1024;

}  // namespace

HttpEndpoint::HttpEndpoint(std::string url, std::string secret)
    : url_(std::move(url)),
      secret_(std::move(secret)),
      client_({.idle_per_host_max = 64, .connect_timeout = std::chrono::seconds{3}}) {}

Result<HttpEndpoint> HttpEndpoint::make(std::string url, std::string secret) {
  SLUICE_TRY(sluice::http::Url::parse(url));
  if (secret.empty()) return Error{Code::invalid_argument, "the webhook secret is empty"};
  return HttpEndpoint{std::move(url), std::move(secret)};
}

Result<void> HttpEndpoint::deliver(const Context& context, const Delivery& delivery) {
  sluice::http::ClientRequest request{.method = "POST", .url = url_, .body = delivery.event.body};
  const auto now = std::chrono::floor<std::chrono::seconds>(sluice::wall());
  request.headers.set("Content-Type", "application/json");
  request.headers.set(signature_header, sign(secret_, now, delivery.event.body));
  request.headers.set("Sluice-Event-Id", delivery.event.id);
  request.headers.set("Sluice-Attempt", std::to_string(delivery.attempts + 1));
  sluice::http::ClientResponse response = SLUICE_TRY(client_.send(context, request));
  const int status = response.status();
  // Read to the end, so that the connection serves the next delivery.
  (void)response.read_all(answer_bytes_max);
  if (status >= 200 && status < 300) return {};
  return Error{
      sluice::code_from_http(status) == Code::ok ? Code::unknown : sluice::code_from_http(status),
      "the receiver answered " + std::to_string(status)};
}

}  // namespace notify_sdk
