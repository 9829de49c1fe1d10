// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/cancel_scope.h"

#include <mutex>

#include "sluice/sqlite/internal/connection.h"

namespace sluice::sqlite {

struct CancelScope::Target {
  // A std::mutex: held for a few instructions, never across a wait.
  std::mutex mutex;
  internal::Connection* connection;  // guarded by mutex; null: the scope has ended

  explicit Target(internal::Connection* connection) : connection(connection) {}

  void interrupt(internal::Stop reason) {
    std::lock_guard guard{mutex};
    if (connection == nullptr) return;
    // The flag too: sqlite3_interrupt has no effect on a statement that starts later.
    connection->stop.store(reason, std::memory_order_relaxed);
    sqlite3_interrupt(connection->handle);
  }
};

namespace {

internal::Stop reason_of(const Context& context) {
  const std::optional<Error> error = context.err();
  return error && error->code() == Code::deadline_exceeded ? internal::Stop::deadline
                                                           : internal::Stop::cancelled;
}

}  // namespace

CancelScope::CancelScope(Database& database, const Context& context) {
  if (context == Context::background()) return;
  target_ = std::make_shared<Target>(database.connection_.get());
  if (context.cancelled()) {
    target_->interrupt(reason_of(context));
    return;
  }
  stop_ =
      after_func(context, [target = target_, context] { target->interrupt(reason_of(context)); });
}

CancelScope::~CancelScope() {
  if (target_ == nullptr) return;
  stop_();
  std::lock_guard guard{target_->mutex};
  target_->connection->stop.store(internal::Stop::no, std::memory_order_relaxed);
  target_->connection = nullptr;
}

}  // namespace sluice::sqlite
