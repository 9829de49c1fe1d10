// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include "sluice/context/context.h"
#include "sluice/sqlite/database.h"

namespace sluice::sqlite {

// Ties what runs on `database` to a context: while the scope lives, the context's end stops the
// running statement (sqlite3_interrupt, and the busy wait), which then fails with cancelled or
// deadline_exceeded, and so does every later one. A COMMIT that has begun to write is not stopped.
// One scope per Database at a time; the Database outlives it.
class CancelScope {
 public:
  CancelScope(Database& database, const Context& context);

  // The database is usable again for others; waits for an interruption that is under way.
  ~CancelScope();
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

 private:
  struct Target;

  std::shared_ptr<Target> target_;  // shared with the context's after_func
  StopFunc stop_;
};

}  // namespace sluice::sqlite
