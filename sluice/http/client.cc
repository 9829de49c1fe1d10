// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/client.h"

#include <utility>

#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/client_exchange.h"
#include "sluice/http/internal/client_pool.h"

namespace sluice::http {

using internal::ClientConn;
using internal::ClientExchange;

namespace {

// The server may have carried the request out already: may it be sent again?
bool is_repeatable(const ClientRequest& request) {
  if (request.body_source) return false;  // it yields its pieces once
  return is_idempotent(method_from_name(request.method)) ||
         request.headers.contains("Idempotency-Key");
}

}  // namespace

ClientResponse::ClientResponse(std::unique_ptr<ClientExchange> exchange)
    : exchange_(std::move(exchange)) {}
ClientResponse::ClientResponse(ClientResponse&&) noexcept = default;
ClientResponse& ClientResponse::operator=(ClientResponse&&) noexcept = default;
ClientResponse::~ClientResponse() = default;

int ClientResponse::status() const { return exchange_->head().status; }
const Headers& ClientResponse::headers() const { return exchange_->head().headers; }
const Headers& ClientResponse::trailers() const { return exchange_->trailers(); }
Result<size_t> ClientResponse::read(std::span<char> out) { return exchange_->read(out); }

Result<std::string> ClientResponse::read_all() {
  return read_all(exchange_->options().body_bytes_max);
}

Result<std::string> ClientResponse::read_all(size_t bytes_max) {
  std::string body;
  char piece[8192];
  for (;;) {
    size_t got = SLUICE_TRY(exchange_->read(piece));
    if (got == 0) return body;
    if (got > bytes_max - body.size())
      return Error(Code::resource_exhausted, "response body too large");
    body.append(piece, got);
  }
}

Client::Client(ClientOptions options) : state_(std::make_shared<internal::ClientState>(options)) {}

Result<ClientResponse> Client::send(Context context, const ClientRequest& request) const {
  Url url = SLUICE_TRY(Url::parse(request.url));
  if (url.scheme != "http")
    return Error(Code::unimplemented, "only http URLs can be reached as yet");
  if (request.method.empty() || !internal::all_are(request.method, internal::kToken) ||
      request.method == "CONNECT")
    return Error(Code::invalid_argument, "bad request method");

  bool v6 = url.host.find(':') != std::string::npos;
  std::string host = (v6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
  for (;;) {
    std::unique_ptr<ClientConn> conn = state_->pool.take(host);
    if (conn == nullptr)
      conn = std::make_unique<ClientConn>(SLUICE_TRY(state_->dialer.dial(context, host)));
    auto exchange = std::make_unique<ClientExchange>(state_, context, host, std::move(conn));
    Result<void> done = exchange->run(request, url);
    if (done) return ClientResponse(std::move(exchange));
    // Only a kept connection can be stale, and the pool runs out of those.
    if (!exchange->was_stale() || context.cancelled() || !is_repeatable(request))
      return std::move(done).error();
  }
}

Result<ClientResponse> Client::get(Context context, std::string_view url) const {
  ClientRequest request;
  request.url = url;
  return send(std::move(context), request);
}

Result<ClientResponse> Client::post(Context context, std::string_view url,
                                    std::string_view content_type, std::string body) const {
  ClientRequest request;
  request.method = "POST";
  request.url = url;
  request.headers.set("Content-Type", content_type);
  request.body = std::move(body);
  return send(std::move(context), request);
}

void Client::close_idle() const { state_->pool.clear(); }
size_t Client::idle_connections() const { return state_->pool.size(); }

}  // namespace sluice::http
