// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/base/time.h"
#include "sluice/http/client.h"
#include "sluice/http/internal/body_reader.h"
#include "sluice/net/conn.h"
#include "sluice/net/dialer.h"

namespace sluice::http::internal {

// A connection to a server, with what was read of it. At one place at a time: in the pool, or with
// one exchange.
struct ClientConn {
  explicit ClientConn(net::Conn conn) : conn(std::move(conn)) {}

  net::Conn conn;
  ReadBuffer in;
  bool reused = false;  // came from the pool
  Instant idle_since{};
};

// The kept connections of a Client, per host. Thread-safe.
class ClientPool {
 public:
  explicit ClientPool(const ClientOptions& options) : options_(options) {}

  // The connection to `host` that was given back last, if one is left that is young enough and that
  // the server has not closed; else null.
  std::unique_ptr<ClientConn> take(const std::string& host);
  // Keeps a connection on which nothing is outstanding; closes it when there are enough.
  void give(const std::string& host, std::unique_ptr<ClientConn> conn);

  void clear();
  size_t size() const;

 private:
  using Idle = std::vector<std::unique_ptr<ClientConn>>;  // the oldest first
  using Hosts = std::unordered_map<std::string, Idle>;    // none is empty

  void sweep(Instant now, Idle& closing);
  bool drop_oldest(Hosts::iterator host, Idle& closing);

  const ClientOptions& options_;
  mutable std::mutex mutex_;  // guards the rest; never held across a system call
  Hosts idle_;
  size_t size_ = 0;  // connections of all hosts
  Instant swept_{};
};

// What copies of a Client share, and exchanges keep alive.
struct ClientState {
  explicit ClientState(ClientOptions options)
      : options(options), pool(this->options), dialer({.timeout = options.connect_timeout}) {}

  const ClientOptions options;
  ClientPool pool;
  net::Dialer dialer;
};

}  // namespace sluice::http::internal
