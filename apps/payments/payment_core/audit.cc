// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/audit.h"

#include <map>
#include <string_view>
#include <utility>

#include "apps/payments/payment_core/currency.h"
#include "apps/payments/payment_core/schema.h"
#include "sluice/runtime/go.h"
#include "sluice/sqlite/failure.h"

namespace payment_core {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;
using sluice::sqlite::Database;
using sluice::sqlite::Statement;

constexpr int64_t findings_per_rule_max = 20;

// A rule is a query for what breaks it; its first column is the finding's text.
struct Rule {
  std::string_view name;
  std::string_view violations;
};

constexpr Rule rules[] = {
    Rule{"damaged file",
         "SELECT integrity_check FROM pragma_integrity_check"
         " WHERE integrity_check <> 'ok'"},
    Rule{"dangling reference",
         "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' names a missing ' || parent"
         " FROM pragma_foreign_key_check"},
    Rule{"unbalanced",
         "SELECT 'payment ' || payment_id || coalesce(' refund ' || refund_id, '') || ' in ' ||"
         " currency || ' adds up to ' || sum(minor) FROM entries"
         " GROUP BY payment_id, refund_id, currency HAVING sum(minor) <> 0"},
    // Not a sum(), which fails where a partial one does not fit in 64 bits. With the next rule it
    // says the same: the last balance_after is the sum.
    Rule{"wrong running balance",
         "SELECT 'entry ' || id || ': ' || account || ' went from ' || before || ' to ' ||"
         " balance_after || ' ' || currency || ' by ' || minor FROM (SELECT id, account, currency,"
         " minor, balance_after, lag(balance_after, 1, 0) OVER (PARTITION BY account, currency"
         " ORDER BY id) AS before FROM entries) WHERE balance_after - before <> minor"},
    Rule{"wrong balance",
         "SELECT b.account || ' has ' || b.minor || ' ' || b.currency || ' in ' || b.entries ||"
         " ' entries, its entries lead to ' || coalesce(e.balance_after, 0) || ' in ' ||"
         " coalesce(n, 0) FROM balances b LEFT JOIN (SELECT account, currency, max(id) AS id,"
         " count(*) AS n FROM entries GROUP BY account, currency) l"
         " ON l.account = b.account AND l.currency = b.currency LEFT JOIN entries e ON e.id = l.id"
         " WHERE e.balance_after IS NOT b.minor OR n IS NOT b.entries"},
    Rule{"entries without a balance",
         "SELECT DISTINCT account || ' in ' || currency FROM entries e WHERE NOT EXISTS"
         " (SELECT 1 FROM balances b WHERE b.account = e.account AND b.currency = e.currency)"},
    Rule{"wrong entries of a payment",
         "SELECT p.id || ' (' || p.state || ') has ' || coalesce(n, 0) || ' entries moving ' ||"
         " coalesce(moved, 0) || ' of ' || p.amount FROM payments p LEFT JOIN"
         " (SELECT payment_id, count(*) AS n, sum(max(minor, 0)) AS moved FROM entries"
         " WHERE refund_id IS NULL GROUP BY payment_id) ON payment_id = p.id"
         " WHERE CASE p.state WHEN 'captured' THEN n IS NOT 2 OR moved IS NOT p.amount"
         " ELSE n IS NOT NULL END"},
    Rule{"wrong entries of a refund",
         "SELECT r.id || ' has ' || coalesce(n, 0) || ' entries moving ' || coalesce(moved, 0) ||"
         " ' of ' || r.amount FROM refunds r LEFT JOIN (SELECT refund_id, count(*) AS n,"
         " sum(max(minor, 0)) AS moved FROM entries WHERE refund_id IS NOT NULL"
         " GROUP BY refund_id) e ON e.refund_id = r.id"
         " WHERE n IS NOT 2 OR moved IS NOT r.amount"},
    Rule{"entry on the wrong account",
         "SELECT 'entry ' || e.id || ' of ' || p.id || ': ' || e.minor || ' ' || e.currency ||"
         " ' on ' || e.account FROM entries e JOIN payments p ON p.id = e.payment_id"
         " WHERE e.currency <> p.currency OR e.account <> CASE"
         " WHEN (e.minor > 0) = (e.refund_id IS NULL) THEN p.payee ELSE p.payer END"},
    Rule{"entries of nothing",
         "SELECT DISTINCT payment_id || coalesce(' refund ' || refund_id, '') FROM entries e"
         " WHERE NOT EXISTS (SELECT 1 FROM payments p WHERE p.id = e.payment_id)"
         " OR refund_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refunds r"
         " WHERE r.id = e.refund_id AND r.payment_id = e.payment_id)"},
    Rule{"refunds beyond the payment",
         "SELECT p.id || ' of ' || p.amount || ': refunded ' || p.refunded || ', its refunds say '"
         " || coalesce(total, 0) FROM payments p LEFT JOIN (SELECT payment_id,"
         " sum(amount) AS total FROM refunds GROUP BY payment_id) ON payment_id = p.id"
         " WHERE p.refunded <> coalesce(total, 0) OR p.refunded > p.amount"},
    Rule{"not exactly one event of a payment",
         "SELECT id || ' (' || state || ') has ' || n FROM (SELECT id, state, (SELECT count(*)"
         " FROM outbox o WHERE o.subject = p.id AND o.type = 'payment.' || p.state) AS n"
         " FROM payments p) WHERE n <> 1"},
    Rule{"not exactly one event of a refund",
         "SELECT r.id || ' has ' || coalesce(n, 0) FROM refunds r LEFT JOIN (SELECT subject,"
         " json_extract(body, '$.data.id') AS refund, count(*) AS n FROM outbox"
         " WHERE type = 'payment.refunded' AND json_valid(body) GROUP BY 1, 2) o"
         " ON o.refund = r.id AND o.subject = r.payment_id WHERE n IS NOT 1"},
    Rule{"event of nothing",
         "SELECT event_id || ' (' || type || ' ' || subject || ')' FROM outbox o"
         " LEFT JOIN payments p ON p.id = o.subject WHERE p.id IS NULL"
         " OR type NOT IN ('payment.' || p.state, 'payment.refunded')"
         " OR type = 'payment.refunded' AND NOT EXISTS (SELECT 1 FROM refunds r"
         " WHERE json_valid(body) AND r.id = json_extract(body, '$.data.id'))"},
    Rule{"event tells otherwise",
         "SELECT event_id || ' (' || type || ' ' || subject || ')' FROM outbox o"
         " JOIN payments p ON p.id = o.subject LEFT JOIN refunds r ON o.type = 'payment.refunded'"
         " AND json_valid(body) AND r.id = json_extract(body, '$.data.id')"
         " WHERE CASE WHEN NOT json_valid(body) THEN 1 ELSE"
         " json_extract(body, '$.id') IS NOT event_id OR json_extract(body, '$.type') IS NOT type"
         " OR json_extract(body, '$.data.currency') IS NOT p.currency"
         " OR json_extract(body, '$.data.amount') IS NOT iif(r.id IS NULL, p.amount, r.amount)"
         " OR json_extract(body, iif(r.id IS NULL, '$.data.id', '$.data.payment_id')) IS NOT p.id"
         " OR r.id IS NULL AND (json_extract(body, '$.data.payer') IS NOT p.payer"
         " OR json_extract(body, '$.data.payee') IS NOT p.payee) END"},
    Rule{"doubled event", "SELECT event_id FROM outbox GROUP BY event_id HAVING count(*) > 1"},
    Rule{"not exactly one idempotency record",
         "SELECT id || ' has ' || coalesce(n, 0) FROM"
         " (SELECT id, created_at FROM payments UNION ALL SELECT id, created_at FROM refunds) x"
         " LEFT JOIN (SELECT resource_id, count(*) AS n FROM idempotency GROUP BY resource_id)"
         " ON resource_id = x.id WHERE n > 1"
         " OR n IS NULL AND x.created_at >= (SELECT max(keys_before) FROM pruned)"},
    Rule{"idempotency record of nothing",
         "SELECT key || ' names ' || resource_id FROM idempotency WHERE resource_id IS NOT NULL"
         " AND resource_id NOT IN (SELECT id FROM payments UNION ALL SELECT id FROM refunds)"},
    Rule{"stored answer tells otherwise",
         "SELECT key FROM idempotency LEFT JOIN (SELECT id, amount FROM payments UNION ALL"
         " SELECT id, amount FROM refunds) x ON x.id = resource_id WHERE CASE"
         " WHEN resource_id IS NULL THEN status BETWEEN 200 AND 299"
         " WHEN status <> 201 OR NOT json_valid(body) THEN 1"
         " ELSE json_extract(body, '$.id') IS NOT resource_id"
         " OR x.id IS NOT NULL AND json_extract(body, '$.amount') IS NOT amount END"},
};

// SQLite's words without the SQL that they are about: it is the rule's.
std::string words_of(const Error& error) {
  const std::string text = error.to_string();
  return text.substr(0, text.find(" in: "));
}

// Whether reading failed because of what is stored: a damaged page, numbers whose sum does not fit.
// That is something found, not a failure to look.
bool is_damage(const Error& error) {
  const auto* failure = sluice::as<sluice::sqlite::Failure>(error);
  return error.code() == Code::data_loss ||
         (failure != nullptr && error.code() == Code::invalid_argument);
}

Result<void> check(Database& database, const Rule& rule, AuditReport& report) {
  Statement row = SLUICE_TRY(database.query(rule.violations));
  const auto find = [&](std::string_view what) {
    report.findings.push_back(std::string{rule.name} + ": " + std::string{what});
  };
  int64_t found = 0;
  for (;;) {
    Result<bool> is_row = row.step();
    if (!is_row && is_damage(is_row.error())) {
      find("cannot be checked: " + words_of(is_row.error()));
      return {};
    }
    if (!SLUICE_TRY(std::move(is_row))) break;
    if (++found <= findings_per_rule_max) find(row.text(0));
  }
  if (found > findings_per_rule_max)
    find("and " + std::to_string(found - findings_per_rule_max) + " more");
  return {};
}

// A sum of amounts that need not fit in 64 bits, as a decimal.
std::string to_text(unsigned __int128 sum, int exponent) {
  std::string digits;
  for (int place = 0; sum != 0 || place <= exponent; ++place, sum /= 10) {
    if (place == exponent && exponent > 0) digits += '.';
    digits += static_cast<char>('0' + static_cast<int>(sum % 10));
  }
  return {digits.rbegin(), digits.rend()};
}

// Added up here, in 128 bits, because SQL's sum() fails on overflow.
Result<void> check_currencies(Database& database, AuditReport& report) {
  struct Sum {
    __int128 all = 0;
    unsigned __int128 positive = 0;
    int64_t entries = 0;
  };
  std::map<std::string, Sum, std::less<>> sums;
  Statement row = SLUICE_TRY(database.query("SELECT currency, minor FROM entries"));
  while (SLUICE_TRY(row.step())) {
    auto place = sums.find(row.text(0));
    if (place == sums.end()) place = sums.try_emplace(std::string{row.text(0)}).first;
    const int64_t minor = row.integer(1);
    place->second.all += minor;
    if (minor > 0) place->second.positive += static_cast<uint64_t>(minor);
    ++place->second.entries;
  }
  for (const auto& [code, sum] : sums) {
    if (sum.all != 0)
      report.findings.push_back("money made or lost: the entries in " + code +
                                " do not add up to zero");
    Result<Currency> currency = Currency::parse(code);
    if (!currency) report.findings.push_back("unknown currency: " + code);
    report.currencies.push_back(
        {.currency = code,
         .entries = sum.entries,
         .moved = to_text(sum.positive, currency ? currency->exponent() : 0)});
  }
  return {};
}

// A damaged table is reported by its rules; here it counts for nothing.
Result<void> count(Database& database, std::string_view sql, int64_t& into) {
  Statement row = SLUICE_TRY(database.query(sql));
  Result<bool> counted = row.step();
  if (!counted && !is_damage(counted.error())) return counted.error();
  into = counted ? row.integer(0) : 0;
  return {};
}

Result<void> count_all(Database& database, AuditReport& report) {
  const std::pair<const char*, int64_t*> counts[] = {
      {"payments", &report.payments},
      {"payments WHERE state = 'declined'", &report.declined},
      {"payments WHERE decided_by = 'fallback'", &report.decided_by_fallback},
      {"refunds", &report.refunds},
      {"entries", &report.entries},
      {"accounts", &report.accounts},
      {"outbox", &report.events},
      {"outbox WHERE delivered_at IS NULL", &report.events_undelivered},
      {"outbox WHERE dead_at IS NOT NULL", &report.events_dead},
  };
  for (const auto& [what, into] : counts)
    SLUICE_TRY(count(database, std::string{"SELECT count(*) FROM "} + what, *into));
  return {};
}

Result<void> check_everything(Database& database, AuditReport& report) {
  SLUICE_TRY(check_schema(database));
  for (const Rule& rule : rules) SLUICE_TRY(check(database, rule, report));
  SLUICE_TRY(count_all(database, report));
  Result<void> added_up = check_currencies(database, report);
  if (!added_up && is_damage(added_up.error())) {
    report.findings.push_back("entries cannot be added up: " + words_of(added_up.error()));
    return {};
  }
  return added_up;
}

}  // namespace

Result<AuditReport> audit(Database& database) {
  return sluice::blocking([&]() -> Result<AuditReport> {
    AuditReport report;
    // A read transaction: all rules look at the same moment.
    SLUICE_TRY(database.run("BEGIN"));
    Result<void> checked = check_everything(database, report);
    (void)database.run("ROLLBACK");  // a COMMIT fails on a damaged file
    if (!checked) return checked.error();
    return report;
  });
}

}  // namespace payment_core
