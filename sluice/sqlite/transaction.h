// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/base/result.h"
#include "sluice/sqlite/database.h"

namespace sluice::sqlite {

// A write transaction. Rolls back at scope exit unless commit() succeeded: on early return, on an
// exception, and after a failed commit. One per Database at a time; for parts of it, Savepoint.
class Transaction {
 public:
  // BEGIN IMMEDIATE: takes the write lock now, so that no later statement fails on it.
  // Errors: unavailable (another writer held the lock longer than busy_timeout).
  static Result<Transaction> begin(Database& database);

  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Errors: resource_exhausted (disk full), internal (I/O). The transaction is then rolled back.
  Result<void> commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}

  Database* database_;  // null: committed, rolled back or moved from
};

// A part of a Transaction that can be undone alone. Undone at scope exit unless keep() succeeded;
// where that fails (no memory, I/O), the whole Transaction is rolled back.
class Savepoint {
 public:
  static Result<Savepoint> begin(Database& database);

  Savepoint(Savepoint&& other) noexcept;
  Savepoint& operator=(Savepoint&&) = delete;
  ~Savepoint();

  Result<void> keep();

 private:
  explicit Savepoint(Database* database) : database_(database) {}

  Database* database_;
};

}  // namespace sluice::sqlite
