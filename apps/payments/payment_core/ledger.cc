// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/ledger.h"

#include "sluice/base/assert.h"

namespace payment_core {
namespace {

using sluice::Error;
using sluice::Result;
using sluice::sqlite::Database;
using sluice::sqlite::Statement;

// Quadratic in the postings of one payment, of which there are two.
bool is_balanced(std::span<const Posting> postings) {
  for (const Posting& posting : postings) {
    Money sum{0, posting.amount.currency()};
    for (const Posting& other : postings) {
      if (other.amount.currency() != sum.currency()) continue;
      Result<Money> next = sum.plus(other.amount);
      if (!next) return false;
      sum = *next;
    }
    if (sum.minor() != 0) return false;
  }
  return true;
}

Result<Money> read_balance(Database& database, std::string_view account, Currency currency) {
  Statement row = SLUICE_TRY(database.query(
      "SELECT minor FROM balances WHERE account = ? AND currency = ?", account, currency.code()));
  const bool found = SLUICE_TRY(row.step());
  return Money{found ? row.integer(0) : 0, currency};
}

Result<void> post_one(Database& database, const PostingSource& source, const Posting& posting) {
  SLUICE_TRY(open_account(database, posting.account, source.created_at));
  const Currency currency = posting.amount.currency();
  const Money before = SLUICE_TRY(read_balance(database, posting.account, currency));
  Result<Money> sum = before.plus(posting.amount);
  if (!sum)
    return Error{sum.error().code(), "the balance of \"" + std::string{posting.account} + "\" in " +
                                         std::string{currency.code()} +
                                         " would not fit in 64 bits"};
  const Money after = *sum;
  SLUICE_TRY(
      database.run("INSERT INTO balances (account, currency, minor, entries) VALUES (?, ?, ?, 1)"
                   " ON CONFLICT DO UPDATE SET minor = excluded.minor, entries = entries + 1",
                   posting.account, currency.code(), after.minor()));
  return database.run(
      "INSERT INTO entries (payment_id, refund_id, account, currency, minor, balance_after,"
      " created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      source.payment_id, source.refund_id, posting.account, currency.code(), posting.amount.minor(),
      after.minor(), source.created_at);
}

}  // namespace

Result<void> open_account(Database& database, std::string_view id, int64_t created_at) {
  return database.run("INSERT INTO accounts (id, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
                      id, created_at);
}

Result<void> post(Database& database, const PostingSource& source,
                  std::span<const Posting> postings) {
  SLUICE_ASSERT(database.in_transaction(), "a posting needs a transaction around it");
  SLUICE_ASSERT(is_balanced(postings), "the postings do not add up to zero");
  for (const Posting& posting : postings) SLUICE_TRY(post_one(database, source, posting));
  return {};
}

}  // namespace payment_core
