// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/audit.h"

#include <map>
#include <string_view>

#include "apps/payments/payment_core/money.h"
#include "sluice/runtime/go.h"

namespace payment_core {
namespace {

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
    Rule{"wrong balance",
         "SELECT account || ' has ' || minor || ' ' || currency || ' in ' || entries ||"
         " ' entries, its entries say ' || coalesce(total, 0) || ' in ' || coalesce(n, 0)"
         " FROM balances LEFT JOIN (SELECT account, currency, sum(minor) AS total, count(*) AS n"
         " FROM entries GROUP BY account, currency) USING (account, currency)"
         " WHERE minor IS NOT total OR entries IS NOT n"},
    Rule{"entries without a balance",
         "SELECT DISTINCT account || ' in ' || currency FROM entries e WHERE NOT EXISTS"
         " (SELECT 1 FROM balances b WHERE b.account = e.account AND b.currency = e.currency)"},
    Rule{"last entry disagrees with the balance",
         "SELECT e.account || ' in ' || e.currency || ': ' || e.balance_after || ', not ' ||"
         " b.minor FROM (SELECT account, currency, max(id) AS id FROM entries"
         " GROUP BY account, currency) l JOIN entries e ON e.id = l.id JOIN balances b"
         " ON b.account = e.account AND b.currency = e.currency WHERE e.balance_after <> b.minor"},
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
    Rule{"entries of nothing",
         "SELECT DISTINCT payment_id FROM entries WHERE payment_id NOT IN"
         " (SELECT id FROM payments)"},
    Rule{"refunds beyond the payment",
         "SELECT p.id || ' of ' || p.amount || ': refunded ' || p.refunded || ', its refunds say '"
         " || coalesce(total, 0) FROM payments p LEFT JOIN (SELECT payment_id,"
         " sum(amount) AS total FROM refunds GROUP BY payment_id) ON payment_id = p.id"
         " WHERE p.refunded <> coalesce(total, 0) OR p.refunded > p.amount"},
    Rule{"payment without its event",
         "SELECT id FROM payments p WHERE NOT EXISTS (SELECT 1 FROM outbox o"
         " WHERE o.subject = p.id AND o.type = 'payment.' || p.state)"},
    Rule{"refunds without their events",
         "SELECT payment_id || ' has ' || count(*) || ' refunds and ' || (SELECT count(*)"
         " FROM outbox o WHERE o.subject = r.payment_id AND o.type = 'payment.refunded') ||"
         " ' events' FROM refunds r GROUP BY payment_id HAVING count(*) <> (SELECT count(*)"
         " FROM outbox o WHERE o.subject = r.payment_id AND o.type = 'payment.refunded')"},
    Rule{"doubled event", "SELECT event_id FROM outbox GROUP BY event_id HAVING count(*) > 1"},
    Rule{"not exactly one idempotency record",
         "SELECT id || ' has ' || (SELECT count(*) FROM idempotency WHERE resource_id = x.id) FROM"
         " (SELECT id FROM payments UNION ALL SELECT id FROM refunds) x LEFT JOIN"
         " (SELECT resource_id, count(*) AS n FROM idempotency GROUP BY resource_id)"
         " ON resource_id = x.id WHERE n IS NOT 1"},
    Rule{"idempotency record of nothing",
         "SELECT key || ' names ' || resource_id FROM idempotency WHERE resource_id IS NOT NULL"
         " AND resource_id NOT IN (SELECT id FROM payments UNION ALL SELECT id FROM refunds)"},
};

Result<void> check(Database& database, const Rule& rule, AuditReport& report) {
  Statement row = SLUICE_TRY(database.query(rule.violations));
  int64_t found = 0;
  while (SLUICE_TRY(row.step()))
    if (++found <= findings_per_rule_max)
      report.findings.push_back(std::string{rule.name} + ": " + std::string{row.text(0)});
  if (found > findings_per_rule_max)
    report.findings.push_back(std::string{rule.name} + ": and " +
                              std::to_string(found - findings_per_rule_max) + " more");
  return {};
}

// Added up here, in 128 bits, because SQL's sum() fails on overflow.
Result<void> check_currencies(Database& database, AuditReport& report) {
  struct Sum {
    __int128 all = 0;
    __int128 positive = 0;
    int64_t entries = 0;
  };
  std::map<std::string, Sum, std::less<>> sums;
  Statement row = SLUICE_TRY(database.query("SELECT currency, minor FROM entries"));
  while (SLUICE_TRY(row.step())) {
    auto place = sums.find(row.text(0));
    if (place == sums.end()) place = sums.try_emplace(std::string{row.text(0)}).first;
    const int64_t minor = row.integer(1);
    place->second.all += minor;
    if (minor > 0) place->second.positive += minor;
    ++place->second.entries;
  }
  for (const auto& [code, sum] : sums) {
    if (sum.all != 0)
      report.findings.push_back("money made or lost: the entries in " + code +
                                " do not add up to zero");
    Result<Currency> currency = Currency::parse(code);
    if (!currency) report.findings.push_back("unknown currency: " + code);
    const auto moved = static_cast<int64_t>(sum.positive);
    report.currencies.push_back(
        {.currency = code,
         .entries = sum.entries,
         .moved = currency ? Money{moved, *currency}.to_decimal() : std::to_string(moved)});
  }
  return {};
}

Result<int64_t> count(Database& database, std::string_view sql) {
  Statement row = SLUICE_TRY(database.query(sql));
  SLUICE_TRY(row.step());
  return row.integer(0);
}

Result<void> check_everything(Database& database, AuditReport& report) {
  report.payments = SLUICE_TRY(count(database, "SELECT count(*) FROM payments"));
  report.declined =
      SLUICE_TRY(count(database, "SELECT count(*) FROM payments WHERE state = 'declined'"));
  report.refunds = SLUICE_TRY(count(database, "SELECT count(*) FROM refunds"));
  report.entries = SLUICE_TRY(count(database, "SELECT count(*) FROM entries"));
  report.accounts = SLUICE_TRY(count(database, "SELECT count(*) FROM accounts"));
  report.events = SLUICE_TRY(count(database, "SELECT count(*) FROM outbox"));
  report.events_undelivered =
      SLUICE_TRY(count(database, "SELECT count(*) FROM outbox WHERE delivered_at IS NULL"));
  report.decided_by_fallback =
      SLUICE_TRY(count(database, "SELECT count(*) FROM payments WHERE decided_by = 'fallback'"));
  for (const Rule& rule : rules) SLUICE_TRY(check(database, rule, report));
  return check_currencies(database, report);
}

}  // namespace

Result<AuditReport> audit(Database& database) {
  return sluice::blocking([&]() -> Result<AuditReport> {
    AuditReport report;
    // A read transaction: all rules look at the same moment.
    SLUICE_TRY(database.run("BEGIN"));
    Result<void> checked = check_everything(database, report);
    SLUICE_TRY(database.run("COMMIT"));
    if (!checked) return checked.error();
    return report;
  });
}

}  // namespace payment_core
