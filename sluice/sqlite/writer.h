// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sluice/base/function.h"
#include "sluice/base/result.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/spin_lock.h"
#include "sluice/sqlite/database.h"

namespace sluice::sqlite {

// The one writer of a database: a goroutine that runs commands in the order they came, many in one
// transaction (group commit), so that a hundred concurrent callers share one fsync.
//
// Each command runs in its own savepoint: one that fails is undone alone. run() returns after the
// commit of the transaction that holds the command; what it returned is then on disk (as far as
// the Database's Durability says). The whole batch runs inside blocking(), no P waits for it.
//
// Thread-safe. Commands run one at a time, on the writer's goroutine; they must not park and must
// not call run().
class Writer {
 public:
  using Command = FunctionRef<Result<void>(Database&)>;

  struct Options {
    // Commands in one transaction. Bounds how long an early command waits for later ones.
    size_t batch_max = 256;
  };

  // Takes over the connection and starts the goroutine.
  explicit Writer(Database database, Options options);
  explicit Writer(Database database) : Writer(std::move(database), Options{}) {}

  // Runs what is queued, then joins the goroutine. No run() may start any more.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Waits until `command` has run and its transaction is committed. Not cancellable: a command
  // that is queued will run. An exception of the command undoes it and becomes `internal`.
  // Errors: the command's own; SQLite's when BEGIN or COMMIT fails (nothing was written then).
  Result<void> run(Command command);

  // Totals since the start; commands / transactions is the batching factor.
  uint64_t commands() const { return commands_.load(std::memory_order_relaxed); }
  uint64_t transactions() const { return transactions_.load(std::memory_order_relaxed); }

 private:
  struct Pending;  // a caller's queue node, on its stack

  void loop();
  Pending* take_batch();
  void run_batch(Pending* batch);
  Result<void> run_transaction(Pending* batch);
  static Result<void> run_one(Database& database, Command command);

  Database database_;  // the writer goroutine's
  const Options options_;

  runtime::SpinLock lock_;
  Pending* head_ = nullptr;            // guarded by lock_
  Pending* tail_ = nullptr;            // guarded by lock_
  runtime::G* idle_writer_ = nullptr;  // guarded by lock_; set while the writer parks
  runtime::G* closing_ = nullptr;      // guarded by lock_; set by the destructor

  std::atomic<uint64_t> commands_{0};
  std::atomic<uint64_t> transactions_{0};
};

}  // namespace sluice::sqlite
