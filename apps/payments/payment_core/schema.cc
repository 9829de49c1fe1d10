// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/schema.h"

#include <string>

#include "apps/payments/notify_sdk/outbox.h"
#include "sluice/sqlite/transaction.h"

namespace payment_core {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;
using sluice::sqlite::Database;
using sluice::sqlite::Statement;

constexpr int64_t schema_version = 2;

// Amounts are minor units. Times are Unix milliseconds. The CHECKs repeat what the code ensures:
// they are the last line of defence, and the documentation.
constexpr const char* tables = R"sql(
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE balances (
  account TEXT NOT NULL REFERENCES accounts(id),
  currency TEXT NOT NULL,
  minor INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  PRIMARY KEY (account, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
  id TEXT PRIMARY KEY,
  payer TEXT NOT NULL REFERENCES accounts(id),
  payee TEXT NOT NULL REFERENCES accounts(id),
  currency TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount),
  country TEXT NOT NULL,
  reference TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('captured', 'declined')),
  risk_decision TEXT NOT NULL,
  risk_score INTEGER NOT NULL,
  risk_rules TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  CHECK (payer <> payee),
  CHECK (state = 'captured' OR refunded = 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE refunds (
  id TEXT PRIMARY KEY,
  payment_id TEXT NOT NULL REFERENCES payments(id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  reason TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refunds_by_payment ON refunds(payment_id);

CREATE TABLE entries (
  id INTEGER PRIMARY KEY,
  payment_id TEXT NOT NULL,
  refund_id TEXT,
  account TEXT NOT NULL,
  currency TEXT NOT NULL,
  minor INTEGER NOT NULL CHECK (minor <> 0),
  balance_after INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX entries_by_account ON entries(account, id);

-- One row per executed request: `request` is its canonical text, `status` and `body` the answer.
CREATE TABLE idempotency (
  key TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  resource_id TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Since version 2. Records older than keys_before may have been deleted.
constexpr const char* pruning = R"sql(
CREATE INDEX idempotency_by_age ON idempotency(created_at);
CREATE TABLE pruned (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  keys_before INTEGER NOT NULL
) STRICT;
INSERT INTO pruned VALUES (1, 0);
)sql";

Result<int64_t> read_integer(Database& database, std::string_view sql) {
  Statement row = SLUICE_TRY(database.query(sql));
  SLUICE_TRY(row.step());
  return row.integer(0);
}

Error unknown_version(int64_t found) {
  return Error{Code::failed_precondition, "the ledger has schema version " + std::to_string(found) +
                                              ", made by a newer program; this one knows up to " +
                                              std::to_string(schema_version)};
}

Result<void> create(Database& database) {
  if (SLUICE_TRY(read_integer(database, "SELECT count(*) FROM sqlite_schema")) != 0)
    return Error{Code::failed_precondition, "the database holds tables of another program"};
  SLUICE_TRY(database.execute(tables));
  SLUICE_TRY(database.execute(pruning));
  return notify_sdk::create_outbox(database);
}

Result<void> upgrade_from_1(Database& database) {
  SLUICE_TRY(database.execute(pruning));
  return notify_sdk::add_dead_letters(database);
}

}  // namespace

Result<void> prepare_schema(Database& database) {
  sluice::sqlite::Transaction transaction =
      SLUICE_TRY(sluice::sqlite::Transaction::begin(database));
  const int64_t found = SLUICE_TRY(read_integer(database, "PRAGMA user_version"));
  if (found == schema_version) return transaction.commit();
  if (found < 0 || found > schema_version) return unknown_version(found);
  SLUICE_TRY(found == 0 ? create(database) : upgrade_from_1(database));
  SLUICE_TRY(database.execute("PRAGMA user_version=" + std::to_string(schema_version)));
  return transaction.commit();
}

Result<void> check_schema(Database& database) {
  const int64_t found = SLUICE_TRY(read_integer(database, "PRAGMA user_version"));
  if (found == schema_version) return {};
  if (found == 0) return Error{Code::failed_precondition, "the database is not a payments ledger"};
  if (found < 0 || found > schema_version) return unknown_version(found);
  return Error{Code::failed_precondition, "the ledger has the older schema version " +
                                              std::to_string(found) +
                                              "; start `payments serve` on it once"};
}

}  // namespace payment_core
