// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/server_run.h"

#include "sluice/chan/select.h"
#include "sluice/http/internal/server_conn.h"

namespace sluice::http::internal {

ServerRun::ServerRun(std::shared_ptr<ServerShared> shared, const Context& context)
    : shared_(std::move(shared)), base_(with_cancel(without_cancel(context))) {}

void ServerRun::admit() {
  shared_->open.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard guard(mutex_);
  ++open_;
}

void ServerRun::enter(ServerConn& conn) {
  std::lock_guard guard(mutex_);
  conn.next_ = first_;
  conn.link_ = &first_;
  if (first_ != nullptr) first_->link_ = &conn.next_;
  first_ = &conn;
}

void ServerRun::forget(ServerConn& conn) {
  std::lock_guard guard(mutex_);
  *conn.link_ = conn.next_;
  if (conn.next_ != nullptr) conn.next_->link_ = conn.link_;
}

void ServerRun::left() {
  shared_->open.fetch_sub(1, std::memory_order_relaxed);
  shared_->slots.try_receive();
  std::lock_guard guard(mutex_);
  if (--open_ == 0 && draining()) all_left_.try_send({});
}

void ServerRun::drain() {
  draining_.store(true, std::memory_order_seq_cst);
  std::lock_guard guard(mutex_);
  for (ServerConn* conn = first_; conn != nullptr; conn = conn->next_) conn->end_if_idle();
  if (open_ == 0) all_left_.try_send({});
}

void ServerRun::stop() {
  stopped_.store(true, std::memory_order_release);
  base_.cancel();
  std::lock_guard guard(mutex_);
  for (ServerConn* conn = first_; conn != nullptr; conn = conn->next_) conn->interrupt();
}

bool ServerRun::wait_all(std::optional<Duration> limit) {
  if (!limit || *limit == Duration::max()) return all_left_.receive().has_value();
  bool all = true;
  select(on_receive(all_left_, [](Unit) {}), on_timeout(*limit, [&] { all = false; }));
  return all;
}

}  // namespace sluice::http::internal
