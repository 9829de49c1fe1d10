// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/writer.h"

#include <exception>
#include <mutex>
#include <string>
#include <utility>

#include "sluice/runtime/go.h"
#include "sluice/sqlite/transaction.h"

namespace sluice::sqlite {

struct Writer::Pending {
  Command command;
  runtime::G* caller;
  Pending* next = nullptr;
  Result<void> result = {};
};

Writer::Writer(Database database, Options options)
    : database_(std::move(database)), options_(options) {
  go([this] {
    set_goroutine_name("sqlite writer");
    loop();
  });
}

Writer::~Writer() {
  runtime::G* writer = nullptr;
  {
    std::lock_guard guard{lock_};
    closing_ = runtime::current();
    writer = std::exchange(idle_writer_, nullptr);
  }
  if (writer != nullptr) runtime::ready(writer);
  runtime::park(runtime::WaitReason::group);
}

Result<void> Writer::run(Command command) {
  Pending pending{.command = command, .caller = runtime::current()};
  runtime::G* writer = nullptr;
  {
    std::lock_guard guard{lock_};
    (head_ == nullptr ? head_ : tail_->next) = &pending;
    tail_ = &pending;
    writer = std::exchange(idle_writer_, nullptr);
  }
  if (writer != nullptr) runtime::ready(writer);
  runtime::park(runtime::WaitReason::group);
  return std::move(pending.result);
}

void Writer::loop() {
  for (;;) {
    if (Pending* batch = take_batch()) {
      run_batch(batch);
      continue;
    }
    runtime::G* closing = nullptr;
    {
      std::lock_guard guard{lock_};
      if (head_ != nullptr) continue;
      closing = closing_;
      if (closing == nullptr) idle_writer_ = runtime::current();
    }
    // The destructor goes on at once: nothing of *this may be touched after ready().
    if (closing != nullptr) return runtime::ready(closing);
    runtime::park(runtime::WaitReason::group);
  }
}

// Cuts the first batch_max commands off the queue.
Writer::Pending* Writer::take_batch() {
  std::lock_guard guard{lock_};
  Pending* first = head_;
  Pending* last = first;
  for (size_t count = 1; last != nullptr && last->next != nullptr && count < options_.batch_max;
       ++count)
    last = last->next;
  if (last != nullptr) {
    head_ = std::exchange(last->next, nullptr);
    if (head_ == nullptr) tail_ = nullptr;
  }
  return first;
}

void Writer::run_batch(Pending* batch) {
  Result<void> committed = blocking([&] { return run_transaction(batch); });
  transactions_.fetch_add(1, std::memory_order_relaxed);
  uint64_t count = 0;
  for (Pending* pending = batch; pending != nullptr; ++count) {
    if (!committed && pending->result) pending->result = committed.error();
    // The caller's stack frame, and `pending` with it, may be gone after ready().
    Pending* next = pending->next;
    runtime::ready(pending->caller);
    pending = next;
  }
  commands_.fetch_add(count, std::memory_order_relaxed);
}

Result<void> Writer::run_transaction(Pending* batch) {
  Transaction transaction = SLUICE_TRY(Transaction::begin(database_));
  for (Pending* pending = batch; pending != nullptr; pending = pending->next) {
    pending->result = run_one(database_, pending->command);
    // Disk full and I/O errors make SQLite roll the whole transaction back: the commands before
    // this one are undone too and must not be reported as done.
    if (!database_.in_transaction())
      return wrap(pending->result ? Error{Code::internal, "transaction ended by a command"}
                                  : pending->result.error(),
                  "the batch was rolled back");
  }
  return transaction.commit();
}

Result<void> Writer::run_one(Database& database, Command command) {
  Savepoint savepoint = SLUICE_TRY(Savepoint::begin(database));
  try {
    SLUICE_TRY(command(database));
  } catch (const std::exception& exception) {
    return Error{Code::internal, std::string{"exception in a command: "} + exception.what()};
  } catch (...) {
    return Error{Code::internal, "exception in a command"};
  }
  return savepoint.keep();
}

}  // namespace sluice::sqlite
