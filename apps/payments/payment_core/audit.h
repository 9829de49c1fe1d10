// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/base/result.h"
#include "sluice/sqlite/database.h"

namespace payment_core {

// What an audit of the ledger found. No findings: everything that must hold, holds.
struct AuditReport {
  struct CurrencyTotals {
    std::string currency;
    int64_t entries = 0;
    std::string moved;  // the sum of the positive entries, as a decimal
  };

  int64_t payments = 0;
  int64_t declined = 0;
  int64_t refunds = 0;
  int64_t entries = 0;
  int64_t accounts = 0;
  int64_t events = 0;
  int64_t events_undelivered = 0;  // events_dead among them
  int64_t events_dead = 0;         // given up, see notify_sdk/outbox.h
  int64_t decided_by_fallback = 0;
  std::vector<CurrencyTotals> currencies;
  std::vector<std::string> findings;  // "unbalanced: payment pay_1 in EUR adds up to 5"
};

// Reads the whole ledger in one snapshot, also while a service writes to it, and checks that
//  - the file is sound (SQLite's integrity and foreign key checks);
//  - entries add up to zero per currency, and per payment and refund;
//  - every entry's balance_after is the one before plus its amount, and the last one the balance;
//  - captured payments and refunds have their entries, on their accounts and in their currency,
//    declined payments have none, and there are no others;
//  - refunds of a payment add up to its refunded amount, and to no more than its amount;
//  - every payment and refund has exactly one event, which tells of it, and no event is of nothing;
//  - every payment and refund has exactly one idempotency record with its answer (or none, when it
//    is older than what has been pruned), and no record names something that is not there.
// At most 20 findings per rule are named; a last one says how many more there are.
// Errors: failed_precondition (not a ledger of this version, schema.h); SQLite's.
sluice::Result<AuditReport> audit(sluice::sqlite::Database& database);

}  // namespace payment_core
