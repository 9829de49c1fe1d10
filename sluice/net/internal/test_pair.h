// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/net/conn.h"
#include "sluice/net/dialer.h"
#include "sluice/net/listener.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::net::internal {

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

// The two ends of a connection, for tests.
struct Pair {
  Conn client;
  Conn server;
};

inline Pair connected(const std::string& address = "127.0.0.1:0") {
  Result<Listener> listener = Listener::listen(address);
  EXPECT_TRUE(listener) << listener.error().to_string();
  Result<Conn> client = Dialer().dial({}, listener->address().to_string());
  EXPECT_TRUE(client) << client.error().to_string();
  Result<Conn> server = listener->accept();
  EXPECT_TRUE(server);
  return {std::move(*client), std::move(*server)};
}

inline std::string read_some(Conn& conn) {
  char piece[4096];
  Result<size_t> got = conn.read(piece);
  return got ? std::string(piece, *got) : "error: " + got.error().to_string();
}

}  // namespace sluice::net::internal
