// SPDX-License-Identifier: Apache-2.0

// How a request's context ends when its client goes away. A goroutine waits for the socket while
// the handler runs; it is started when somebody asks for the context and the body has arrived
// (before, reading the body notices), so requests that never ask pay nothing.

#include "sluice/http/internal/server_conn.h"
#include "sluice/runtime/go.h"

namespace sluice::http::internal {

Context ServerConn::context() {
  if (!scope_) {
    scope_.emplace(with_cancel(run_->base()));
    if (broken_ || exchange_->body.failed()) scope_->cancel();
  }
  if (!watching_ && handling_ && body_has_arrived()) start_watching();
  return scope_->context;
}

// Nobody will read the socket for the rest of the body, so the watcher may. A handler need not read
// a body to be told that its client has gone.
bool ServerConn::body_has_arrived() const {
  return !exchange_->body.failed() && exchange_->body.left() <= exchange_->in.size();
}

void ServerConn::client_gone() {
  if (scope_) scope_->cancel();
}

void ServerConn::start_watching() {
  if (!watch_ended_) watch_ended_.emplace(1);
  watch_over_.store(false, std::memory_order_relaxed);
  arm_read_deadline(Instant::max());
  // Without a goroutine to watch for it, the client's end is noticed by the next write only.
  watching_ = try_go([this] { watch(); }).has_value();
}

// As in Go, a client that only shut down its sending direction counts as gone: nothing tells it
// from one that has left. Its response is sent all the same.
void ServerConn::watch() {
  Channel<Unit> ended = *watch_ended_;
  bool gone = conn_.peer_closed();  // its end may have come with the request's last bytes
  while (!gone && !watch_over_.load(std::memory_order_acquire)) {
    Result<void> readable = conn_.wait_readable();
    if (watch_over_.load(std::memory_order_acquire)) break;
    gone = !readable || conn_.peer_closed();
  }
  if (gone) client_gone();
  ended.send({});  // the connection may be gone from here on
}

void ServerConn::stop_watching() {
  watch_over_.store(true, std::memory_order_release);
  // Wakes the watcher, which is the only one that reads now.
  arm_read_deadline(Instant{});
  watch_ended_->receive();
  watching_ = false;
  // The watcher may have taken the news of a next request.
  try_read_first_ = true;
}

}  // namespace sluice::http::internal
