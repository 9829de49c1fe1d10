// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/client_pool.h"

#include <algorithm>
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
      size_ -= 1 + expired.size();
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
  if (options_.idle_per_host_max == 0 || options_.idle_max == 0) return;
  conn->idle_since = now();
  conn->in.reset();
  Idle closing;  // closed when the lock is free
  std::lock_guard guard(mutex_);
  sweep(conn->idle_since, closing);
  auto at = idle_.find(host);
  if (at != idle_.end() && at->second.size() >= options_.idle_per_host_max) {
    drop_oldest(at, closing);
  } else if (size_ >= options_.idle_max) {
    drop_oldest(std::min_element(idle_.begin(), idle_.end(),
                                 [](const auto& a, const auto& b) {
                                   return a.second.front()->idle_since <
                                          b.second.front()->idle_since;
                                 }),
                closing);
  }
  idle_[host].push_back(std::move(conn));
  ++size_;
}

// Nobody may ever ask for a host again, so whoever comes by looks at all of them now and then.
void ClientPool::sweep(Instant now, Idle& closing) {
  if (now - swept_ < options_.idle_timeout / 2) return;
  swept_ = now;
  for (auto at = idle_.begin(); at != idle_.end();) {
    auto host = at++;  // which may go
    while (host->second.front()->idle_since < now - options_.idle_timeout)
      if (drop_oldest(host, closing)) break;
  }
}

// True: it was the host's last, and the host is gone.
bool ClientPool::drop_oldest(Hosts::iterator host, Idle& closing) {
  closing.push_back(std::move(host->second.front()));
  host->second.erase(host->second.begin());
  --size_;
  if (!host->second.empty()) return false;
  idle_.erase(host);
  return true;
}

void ClientPool::clear() {
  Hosts closing;
  std::lock_guard guard(mutex_);
  closing.swap(idle_);
  size_ = 0;
}

size_t ClientPool::size() const {
  std::lock_guard guard(mutex_);
  return size_;
}

}  // namespace sluice::http::internal
