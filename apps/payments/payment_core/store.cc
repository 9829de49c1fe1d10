// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/store.h"

#include <utility>

namespace payment_core {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;
using sluice::sqlite::Database;
using sluice::sqlite::Statement;

Error not_found(std::string_view what, std::string_view id) {
  return Error{Code::not_found, "no " + std::string{what} + " \"" + std::string{id} + "\""};
}

// A code in the database that the table does not know is damage, not input.
Result<Currency> read_currency(std::string_view code) {
  Result<Currency> currency = Currency::parse(code);
  if (!currency) return wrap(currency.error(), Code::data_loss, "stored currency");
  return currency;
}

std::string_view name(PaymentState state) {
  return state == PaymentState::captured ? "captured" : "declined";
}

}  // namespace

Result<Payment> read_payment(Database& database, std::string_view id) {
  Statement row = SLUICE_TRY(database.query(
      "SELECT payer, payee, currency, amount, refunded, country, reference, state, risk_decision,"
      " risk_score, risk_rules, decided_by, created_at FROM payments WHERE id = ?",
      id));
  if (!SLUICE_TRY(row.step())) return not_found("payment", id);
  const Currency currency = SLUICE_TRY(read_currency(row.text(2)));
  return Payment{
      .id = std::string{id},
      .payer = std::string{row.text(0)},
      .payee = std::string{row.text(1)},
      .amount = Money{row.integer(3), currency},
      .refunded_minor = row.integer(4),
      .country = std::string{row.text(5)},
      .reference = std::string{row.text(6)},
      .state = row.text(7) == "captured" ? PaymentState::captured : PaymentState::declined,
      .risk = {.decision = std::string{row.text(8)},
               .score = row.integer(9),
               .rules = std::string{row.text(10)},
               .decided_by = std::string{row.text(11)}},
      .created_at = row.integer(12)};
}

Result<Account> read_account(Database& database, std::string_view id) {
  // One statement, so that the balances belong to one moment.
  Statement row = SLUICE_TRY(
      database.query("SELECT a.created_at, b.currency, b.minor, b.entries FROM accounts a"
                     " LEFT JOIN balances b ON b.account = a.id WHERE a.id = ?"
                     " ORDER BY b.currency",
                     id));
  if (!SLUICE_TRY(row.step())) return not_found("account", id);
  Account account{.id = std::string{id}, .created_at = row.integer(0)};
  do {
    if (row.is_null(1)) continue;
    const Currency currency = SLUICE_TRY(read_currency(row.text(1)));
    account.balances.push_back(
        {.amount = Money{row.integer(2), currency}, .entries = row.integer(3)});
  } while (SLUICE_TRY(row.step()));
  return account;
}

Result<EntryPage> read_entries(Database& database, std::string_view account,
                               std::optional<int64_t> before, int64_t limit) {
  EntryPage page;
  {
    Statement known = SLUICE_TRY(database.query("SELECT 1 FROM accounts WHERE id = ?", account));
    if (!SLUICE_TRY(known.step())) return not_found("account", account);
  }
  // One row more than asked for tells whether there is a next page.
  Statement row = SLUICE_TRY(database.query(
      "SELECT id, payment_id, refund_id, currency, minor, balance_after, created_at FROM entries"
      " WHERE account = ? AND id < ? ORDER BY id DESC LIMIT ?",
      account, before.value_or(INT64_MAX), limit + 1));
  while (SLUICE_TRY(row.step())) {
    if (static_cast<int64_t>(page.entries.size()) == limit) {
      page.next_before = page.entries.back().id;
      break;
    }
    const Currency currency = SLUICE_TRY(read_currency(row.text(3)));
    page.entries.push_back({.id = row.integer(0),
                            .payment_id = std::string{row.text(1)},
                            .refund_id = row.optional_text(2),
                            .account = std::string{account},
                            .amount = Money{row.integer(4), currency},
                            .balance_after = Money{row.integer(5), currency},
                            .created_at = row.integer(6)});
  }
  return page;
}

Result<void> insert_payment(Database& database, const Payment& payment) {
  return database.run(
      "INSERT INTO payments (id, payer, payee, currency, amount, country, reference, state,"
      " risk_decision, risk_score, risk_rules, decided_by, created_at)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      payment.id, payment.payer, payment.payee, payment.amount.currency().code(),
      payment.amount.minor(), payment.country, payment.reference, name(payment.state),
      payment.risk.decision, payment.risk.score, payment.risk.rules, payment.risk.decided_by,
      payment.created_at);
}

Result<void> insert_refund(Database& database, const Refund& refund) {
  SLUICE_TRY(
      database.run("UPDATE payments SET refunded = refunded + ?1"
                   " WHERE id = ?2 AND state = 'captured' AND refunded + ?1 <= amount",
                   refund.amount.minor(), refund.payment_id));
  if (database.changes() != 1)
    return Error{Code::failed_precondition, "the refund is more than what is left of the payment"};
  return database.run(
      "INSERT INTO refunds (id, payment_id, amount, reason, created_at) VALUES (?, ?, ?, ?, ?)",
      refund.id, refund.payment_id, refund.amount.minor(), refund.reason, refund.created_at);
}

Result<std::optional<StoredAnswer>> read_answer(Database& database, std::string_view key) {
  Statement row = SLUICE_TRY(
      database.query("SELECT request, status, body FROM idempotency WHERE key = ?", key));
  if (!SLUICE_TRY(row.step())) return std::optional<StoredAnswer>{};
  return std::optional<StoredAnswer>{{.request = std::string{row.text(0)},
                                      .status = static_cast<int>(row.integer(1)),
                                      .body = std::string{row.text(2)}}};
}

Result<void> insert_answer(Database& database, std::string_view key, const StoredAnswer& answer,
                           const std::optional<std::string>& resource_id, int64_t created_at) {
  return database.run(
      "INSERT INTO idempotency (key, request, status, body, resource_id, created_at)"
      " VALUES (?, ?, ?, ?, ?, ?)",
      key, answer.request, answer.status, answer.body, resource_id, created_at);
}

Result<int64_t> prune_answers(Database& database, int64_t before, int64_t limit) {
  SLUICE_TRY(
      database.run("DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency"
                   " WHERE created_at < ? ORDER BY created_at LIMIT ?)",
                   before, limit));
  const int64_t pruned = database.changes();
  if (pruned > 0)
    SLUICE_TRY(database.run("UPDATE pruned SET keys_before = max(keys_before, ?)", before));
  return pruned;
}

Result<int64_t> keys_pruned_before(Database& database) {
  Statement row = SLUICE_TRY(database.query("SELECT keys_before FROM pruned"));
  if (!SLUICE_TRY(row.step())) return 0;
  return row.integer(0);
}

}  // namespace payment_core
