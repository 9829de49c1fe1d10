// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/http/server.h"
#include "sluice/net/dialer.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::http::internal {

// Runs `body` as the first goroutine of a runtime of two processors.
template <class Body>
void on_runtime(Body body) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on(std::move(body));
}

// A goroutine that is joined at the end of its scope.
class Joined {
 public:
  template <class Body>
  explicit Joined(Body body) {
    go([body = std::move(body), ended = ended_]() mutable {
      body();
      ended.send({});
    });
  }
  ~Joined() { ended_.receive(); }

 private:
  Channel<Unit> ended_{1};
};

// A server on a free port of the loopback, for tests; stop() or the end of its life drains it.
class TestServer {
 public:
  explicit TestServer(Handler handler, ServerOptions options = {})
      : server_(std::move(handler), options), scope_(with_cancel(Context::background())) {
    Result<net::Listener> listener = net::Listener::listen("127.0.0.1:0");
    EXPECT_TRUE(listener) << listener.error().to_string();
    address_ = listener->address().to_string();
    go([this, listener = std::move(*listener)]() mutable {
      Result<void> served = server_.serve(scope_.context, std::move(listener));
      EXPECT_TRUE(served);
      ended_.send({});
    });
  }
  ~TestServer() { stop(); }

  // Ends the server's context; does not wait.
  void begin_stop() { scope_.cancel(); }
  void stop() {
    begin_stop();
    if (!std::exchange(stopped_, true)) ended_.receive();
  }

  const std::string& address() const { return address_; }
  std::string url(std::string_view target) const {
    return "http://" + address_ + std::string(target);
  }
  ServerStats stats() const { return server_.stats(); }

 private:
  Server server_;
  CancellableContext scope_;
  Channel<Unit> ended_{1};
  std::string address_;
  bool stopped_ = false;
};

// A client that sends and receives bytes as they are. Its waits end after a long time, so that a
// failing test fails instead of hanging.
class RawPeer {
 public:
  explicit RawPeer(const TestServer& server) : RawPeer(server.address()) {}
  explicit RawPeer(const std::string& address) {
    Result<net::Conn> conn = net::Dialer().dial(Context::background(), address);
    EXPECT_TRUE(conn) << conn.error().to_string();
    if (conn) this->conn = std::move(*conn);
    this->conn.set_read_deadline(now() + std::chrono::seconds(60));
    this->conn.set_write_deadline(now() + std::chrono::seconds(60));
  }

  explicit RawPeer(net::Conn conn) : conn(std::move(conn)) {}

  bool send(std::string_view text) { return conn.write(text).has_value(); }

  // Everything up to and with `end`; what came instead when the stream ended before.
  std::string read_until(std::string_view end) {
    size_t at;
    while ((at = pending.find(end)) == std::string::npos && fill()) continue;
    size_t size = at == std::string::npos ? pending.size() : at + end.size();
    std::string text = pending.substr(0, size);
    pending.erase(0, size);
    return text;
  }

  // The head of a response and the body that its Content-Length promises.
  std::string read_response() {
    std::string text = read_until("\r\n\r\n");
    size_t at = text.find("Content-Length: ");
    if (at == std::string::npos) return text;
    size_t length = std::stoul(text.substr(at + 16));
    while (pending.size() < length && fill()) continue;
    text += pending.substr(0, length);
    pending.erase(0, length);
    return text;
  }

  std::string read_to_end() {
    while (fill()) continue;
    return std::exchange(pending, {});
  }

  // The server has closed the connection and sent nothing more.
  bool at_end() { return pending.empty() && !fill(); }

  net::Conn conn;
  std::string pending;

 private:
  bool fill() {
    char piece[4096];
    Result<size_t> got = conn.read(piece);
    EXPECT_TRUE(got || got.error().code() != Code::deadline_exceeded) << "the server is silent";
    if (!got || *got == 0) return false;
    pending.append(piece, *got);
    return true;
  }
};

// What a response's text says without its Date.
inline std::string status_line(const std::string& response) {
  return response.substr(0, response.find("\r\n"));
}
inline std::string body_of(const std::string& response) {
  size_t at = response.find("\r\n\r\n");
  return at == std::string::npos ? "" : response.substr(at + 4);
}

}  // namespace sluice::http::internal
