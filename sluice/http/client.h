// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"
#include "sluice/http/headers.h"
#include "sluice/http/url.h"

namespace sluice::http {

namespace internal {
class ClientExchange;
struct ClientState;
}  // namespace internal

struct ClientOptions {
  size_t header_bytes_max = 64 * 1024;
  size_t header_fields_max = 200;
  // read_all()'s default bound.
  size_t body_bytes_max = 64 * 1024 * 1024;

  size_t idle_per_host_max = 8;  // kept connections; 0 closes each after its response
  size_t idle_max = 100;         // of all hosts; beyond, the one that is idle longest is closed
  // How long a connection is kept. Older ones are closed when another one is given back.
  Duration idle_timeout = std::chrono::seconds(60);
  Duration connect_timeout = std::chrono::seconds(10);
  // Longest wait for any progress while sending or receiving; the context bounds the whole.
  Duration io_timeout = std::chrono::seconds(30);
};

// A request to send.
struct ClientRequest {
  std::string method = "GET";
  std::string url;
  Headers headers;  // Host, Content-Length, Transfer-Encoding and Connection are the client's
  std::string body;
  // Instead of `body`: yields pieces of a chunked one until it yields an empty piece.
  std::function<Result<std::string>()> body_source;
};

// A response whose body is read as it arrives. Reading it to its end, or read_all(), gives the
// connection back to the pool; destroying it earlier closes the connection.
// Move-only. Used by one goroutine at a time.
class ClientResponse {
 public:
  ClientResponse(ClientResponse&&) noexcept;
  ClientResponse& operator=(ClientResponse&&) noexcept;
  ~ClientResponse();

  int status() const;
  const Headers& headers() const;
  std::string_view header(std::string_view name) const { return headers().get(name); }

  // Waits for the next piece of the body; 0 is its end. Bound by the request's context.
  // Errors: cancelled, deadline_exceeded, unavailable (cut off), data_loss (malformed).
  Result<size_t> read(std::span<char> out);
  // The rest of the body. Errors: as read(); resource_exhausted beyond the bound.
  Result<std::string> read_all();
  Result<std::string> read_all(size_t bytes_max);

  // Fields after a chunked body; empty before its end.
  const Headers& trailers() const;

 private:
  friend class Client;
  explicit ClientResponse(std::unique_ptr<internal::ClientExchange> exchange);

  std::unique_ptr<internal::ClientExchange> exchange_;
};

// An HTTP/1.1 client with a pool of kept connections per host. Redirects are not followed.
// A request on a kept connection that the server had closed meanwhile is sent again on a new one if
// it is idempotent (by its method or an Idempotency-Key field) and no byte of a response came.
// Thread-safe; cheap to copy (copies share the pool).
class Client {
 public:
  explicit Client(ClientOptions options = {});

  // Waits until the response's head is there. `context` bounds the body as well.
  // Errors: invalid_argument (URL, method or header), unavailable (connect, connection lost),
  // deadline_exceeded, cancelled, data_loss (malformed response).
  Result<ClientResponse> send(Context context, const ClientRequest& request) const;

  Result<ClientResponse> get(Context context, std::string_view url) const;
  Result<ClientResponse> post(Context context, std::string_view url, std::string_view content_type,
                              std::string body) const;

  // Closes the kept connections; running requests go on.
  void close_idle() const;
  size_t idle_connections() const;

 private:
  std::shared_ptr<internal::ClientState> state_;
};

}  // namespace sluice::http
