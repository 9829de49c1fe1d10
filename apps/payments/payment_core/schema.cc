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

constexpr int64_t schema_version = 1;

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

Result<int64_t> read_version(sluice::sqlite::Database& database) {
  sluice::sqlite::Statement row = SLUICE_TRY(database.query("PRAGMA user_version"));
  SLUICE_TRY(row.step());
  return row.integer(0);
}

}  // namespace

Result<void> prepare_schema(sluice::sqlite::Database& database) {
  sluice::sqlite::Transaction transaction =
      SLUICE_TRY(sluice::sqlite::Transaction::begin(database));
  const int64_t found = SLUICE_TRY(read_version(database));
  if (found == schema_version) return transaction.commit();
  if (found != 0)
    return Error{Code::failed_precondition, "the database has schema version " +
                                                std::to_string(found) + ", this program knows " +
                                                std::to_string(schema_version)};
  SLUICE_TRY(database.execute(tables));
  SLUICE_TRY(notify_sdk::create_outbox(database));
  SLUICE_TRY(database.execute("PRAGMA user_version=" + std::to_string(schema_version)));
  return transaction.commit();
}

}  // namespace payment_core
