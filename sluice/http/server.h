// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"
#include "sluice/http/handler.h"
#include "sluice/net/address.h"
#include "sluice/net/listener.h"

namespace sluice::http {

// What a server allows its clients. Violations are answered with the status named here and logged.
struct ServerOptions {
  size_t target_bytes_max = 8 * 1024;            // 414
  size_t header_bytes_max = 32 * 1024;           // 431
  size_t header_fields_max = 100;                // 431
  uint64_t body_bytes_max = 8ull * 1024 * 1024;  // 413
  // Of a body that the handler left unread, this much is read and dropped to keep the connection.
  uint64_t discard_bytes_max = 256 * 1024;

  // Duration::max() switches one off.
  Duration header_timeout = std::chrono::seconds(10);  // from a request's first byte: 408
  Duration body_timeout = std::chrono::seconds(30);    // without any progress: 408
  Duration write_timeout = std::chrono::seconds(30);   // without any progress: closed
  Duration idle_timeout = std::chrono::seconds(75);    // between requests: closed
  // A client that makes progress, but so little that all waits for a body's or a response's bytes
  // come to more than the timeout and bytes / this, is too slow as well; 0: it may be.
  uint64_t bytes_per_second_min = 240;

  // Connections served at once; the kernel's backlog holds the others.
  size_t connections_max = 100'000;
  // After the context ended: time for running requests before they are cut off.
  Duration drain_timeout = std::chrono::seconds(10);

  // Under critical memory pressure (runtime/memory.h) a request is shed: answered 503 with
  // Retry-After instead of by the handler, and its connection ends after that. Requests that run
  // go on.
  bool shed_under_memory_pressure = true;
  Duration shed_retry_after = std::chrono::seconds(1);  // sent in seconds, rounded up
  // Paths that are served all the same, and those below if one ends in '/': who asks whether the
  // process lives must not restart it for being busy. A readiness probe is right to hear 503.
  std::vector<std::string> shed_exempt = {"/healthz", "/livez", "/metrics", "/debug/"};
};

// Figures of a running server, each exact at some recent moment.
struct ServerStats {
  uint64_t connections_accepted = 0;
  uint64_t connections_open = 0;
  uint64_t requests = 0;
  uint64_t requests_refused = 0;  // malformed or beyond a limit
  uint64_t requests_shed = 0;     // because memory was short
};

// An HTTP/1.1 server. Each connection is one goroutine, which calls the handler for one request
// after the other; pipelined requests are answered in order.
//
//   http::Server server{router};
//   auto listener = SLUICE_TRY(net::Listener::listen("127.0.0.1:0"));
//   return server.serve(context, std::move(listener));
class Server {
 public:
  explicit Server(Handler handler, ServerOptions options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves connections until `context` ends; then accepts no more, closes idle connections, lets
  // running requests finish for drain_timeout, cancels their contexts, closes what is left, and
  // returns when every connection's goroutine has ended. May be called for several listeners.
  // Errors: what the listener says when it cannot go on accepting.
  Result<void> serve(Context context, net::Listener listener);

  // The same, listening on `address` ("127.0.0.1:8080", "[::]:80", "unix:/run/x.sock").
  Result<void> listen_and_serve(Context context, std::string_view address);

  ServerStats stats() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::http
