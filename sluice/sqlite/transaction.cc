// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/transaction.h"

#include <utility>

namespace sluice::sqlite {

Result<Transaction> Transaction::begin(Database& database) {
  SLUICE_TRY(database.run("BEGIN IMMEDIATE"));
  return Transaction{&database};
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

// SQLite rolls back by itself after some errors (disk full, I/O), hence the question first.
Transaction::~Transaction() {
  if (database_ == nullptr || !database_->in_transaction()) return;
  (void)database_->run("ROLLBACK");
}

Result<void> Transaction::commit() {
  Result<void> committed = database_->run("COMMIT");
  if (committed) database_ = nullptr;
  return committed;
}

Result<Savepoint> Savepoint::begin(Database& database) {
  SLUICE_TRY(database.run("SAVEPOINT sluice"));
  return Savepoint{&database};
}

Savepoint::Savepoint(Savepoint&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Savepoint::~Savepoint() {
  if (database_ == nullptr || !database_->in_transaction()) return;
  // A part that cannot be undone must not be committed with the rest: then nothing is.
  if (!database_->run("ROLLBACK TO sluice") || !database_->run("RELEASE sluice"))
    (void)database_->run("ROLLBACK");
}

Result<void> Savepoint::keep() {
  Result<void> kept = database_->run("RELEASE sluice");
  if (kept) database_ = nullptr;
  return kept;
}

}  // namespace sluice::sqlite
