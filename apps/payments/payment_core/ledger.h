// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "apps/payments/payment_core/money.h"
#include "sluice/base/result.h"
#include "sluice/sqlite/database.h"

namespace payment_core {

// Money that arrives at an account (positive) or leaves it (negative).
struct Posting {
  std::string_view account;
  Money amount;
};

// What a posting is for.
struct PostingSource {
  std::string_view payment_id;
  std::optional<std::string_view> refund_id;
  int64_t created_at = 0;
};

// The one way to move money: writes the entries and the balances they lead to. Accounts open on
// first use; a payer's balance may be negative (it is what the outside world has paid for it).
// To be called inside a transaction or a writer's command: a failure must undo all of it.
// The amounts of one currency must add up to zero; anything else is a bug and ends the process.
// Errors: out_of_range (a balance would not fit in 64 bits), SQLite's.
sluice::Result<void> post(sluice::sqlite::Database& database, const PostingSource& source,
                          std::span<const Posting> postings);

// Opens the account if nobody has yet.
sluice::Result<void> open_account(sluice::sqlite::Database& database, std::string_view id,
                                  int64_t created_at);

}  // namespace payment_core
