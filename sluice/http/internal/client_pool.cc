// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/client_pool.h"

#include <iterator>
#include <utility>

namespace sluice::http::internal {

std::unique_ptr<ClientConn> ClientPool::take(const std::string& host) {
  Instant oldest = now() - options_.idle_timeout;
  for (;;) {
    std::unique_ptr<ClientConn> conn;
    Idle expired;  // closed when the lock is free
    {
      std::lock_guard guard(mutex_);
      auto at = idle_.find(host);
      if (at == idle_.end()) return nullptr;
      conn = std::move(at->second.back());
      at->second.pop_back();
      // They lie in the order of their return: if the youngest is too old, all are.
      if (conn->idle_since < oldest) expired = std::move(at->second);
      if (at->second.empty()) idle_.erase(at);
    }
    if (conn->idle_since < oldest) return nullptr;
    // An idle server says nothing: the end of the stream, or bytes nobody asked for, make the
    // connection useless.
    if (!conn->conn.readable_now()) {
      conn->reused = true;
      return conn;
    }
  }
}

void ClientPool::give(const std::string& host, std::unique_ptr<ClientConn> conn) {
  if (options_.idle_per_host_max == 0) return;
  conn->idle_since = now();
  conn->in.reset();
  Idle expired;
  std::lock_guard guard(mutex_);
  Idle& idle = idle_[host];
  if (idle.size() >= options_.idle_per_host_max) {
    expired.push_back(std::move(idle.front()));
    idle.erase(idle.begin());
  }
  idle.push_back(std::move(conn));
}

void ClientPool::clear() {
  std::unordered_map<std::string, Idle> closing;
  std::lock_guard guard(mutex_);
  closing.swap(idle_);
}

size_t ClientPool::size() const {
  std::lock_guard guard(mutex_);
  size_t n = 0;
  for (const auto& [host, idle] : idle_) n += idle.size();
  return n;
}

}  // namespace sluice::http::internal
