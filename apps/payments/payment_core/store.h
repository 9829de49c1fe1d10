// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apps/payments/payment_core/payment.h"
#include "sluice/base/result.h"
#include "sluice/sqlite/database.h"

namespace payment_core {

// Rows in and out. Reads work on any connection; writes belong inside a writer's command.

// Errors (all reads): not_found, naming what was asked for; SQLite's.
sluice::Result<Payment> read_payment(sluice::sqlite::Database& database, std::string_view id);
sluice::Result<Account> read_account(sluice::sqlite::Database& database, std::string_view id);

// The account's entries with an id below `before`, newest first, at most `limit`.
sluice::Result<EntryPage> read_entries(sluice::sqlite::Database& database, std::string_view account,
                                       std::optional<int64_t> before, int64_t limit);

sluice::Result<void> insert_payment(sluice::sqlite::Database& database, const Payment& payment);

// Writes the refund and adds it to its payment's refunded amount.
// Errors: failed_precondition, when more than the amount would be refunded.
sluice::Result<void> insert_refund(sluice::sqlite::Database& database, const Refund& refund);

// The answer that a key's first request got.
struct StoredAnswer {
  std::string request;  // canonical text, to tell a repetition from another request
  int status = 0;
  std::string body;
};

sluice::Result<std::optional<StoredAnswer>> read_answer(sluice::sqlite::Database& database,
                                                        std::string_view key);
sluice::Result<void> insert_answer(sluice::sqlite::Database& database, std::string_view key,
                                   const StoredAnswer& answer,
                                   const std::optional<std::string>& resource_id,
                                   int64_t created_at);

// Forgets answers that were stored before `before`, at most `limit` of them, and notes that it did,
// so that an audit does not miss them. Returns how many.
sluice::Result<int64_t> prune_answers(sluice::sqlite::Database& database, int64_t before,
                                      int64_t limit);

// Records of keys older than this may have been pruned.
sluice::Result<int64_t> keys_pruned_before(sluice::sqlite::Database& database);

}  // namespace payment_core
