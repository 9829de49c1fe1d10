// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/verify.h"

#include <errno.h>
#include <stdio.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <unordered_set>
#include <utility>
#include <vector>

#include "apps/payments/cmd/progress.h"
#include "apps/payments/notify_sdk/outbox.h"
#include "apps/payments/payment_core/audit.h"
#include "apps/payments/payment_core/store.h"
#include "sluice/sqlite/cancel_scope.h"

namespace payments_cmd {
namespace {

using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;
using sluice::sqlite::Database;
using sluice::sqlite::Statement;

constexpr size_t findings_shown_max = 50;
constexpr int64_t dead_shown_max = 10;

struct Compared {
  int64_t checked = 0;
  std::vector<std::string> findings;
};

// A payment or a refund, as far as a client was told of it.
struct Acknowledged {
  int64_t amount = 0;
  std::string currency;
  int64_t created_at = 0;
};

Result<std::optional<Acknowledged>> find_acknowledged(Database& database, const std::string& id) {
  Statement row = SLUICE_TRY(
      database.query("SELECT amount, currency, created_at FROM payments WHERE id = ?1 UNION ALL"
                     " SELECT r.amount, p.currency, r.created_at FROM refunds r"
                     " JOIN payments p ON p.id = r.payment_id WHERE r.id = ?1",
                     id));
  if (!SLUICE_TRY(row.step())) return std::optional<Acknowledged>{};
  return std::optional<Acknowledged>{{.amount = row.integer(0),
                                      .currency = std::string{row.text(1)},
                                      .created_at = row.integer(2)}};
}

// Whether the key's stored answer and what it made are what the client was told.
Result<void> check_acknowledged(Database& database, const std::string& line, int64_t pruned_before,
                                Compared& compared) {
  std::istringstream in{line};
  std::string key;
  std::string id;
  std::string currency;
  int64_t amount = 0;
  if (!(in >> key >> id >> amount >> currency))
    return Error{Code::invalid_argument, "not an acknowledgement: \"" + line + "\""};
  ++compared.checked;
  const std::optional<Acknowledged> found = SLUICE_TRY(find_acknowledged(database, id));
  if (!found) {
    compared.findings.push_back("lost: " + id + " was acknowledged for " + key);
    return {};
  }
  if (found->amount != amount || found->currency != currency)
    compared.findings.push_back("changed: " + id + " is not the acknowledged amount");
  if (found->created_at < pruned_before) return {};
  Statement row =
      SLUICE_TRY(database.query("SELECT resource_id FROM idempotency WHERE key = ?", key));
  const bool is_known = SLUICE_TRY(row.step());
  if (!is_known)
    compared.findings.push_back("forgotten: the key " + key + " of " + id);
  else if (row.text(0) != id)
    compared.findings.push_back("doubled: " + key + " belongs to something else than " + id);
  return {};
}

Result<Compared> compare_acknowledged(Database& database, const std::string& file) {
  std::ifstream in{file};
  if (!in) return sluice::errno_error(errno, "read " + file);
  const int64_t pruned_before = SLUICE_TRY(payment_core::keys_pruned_before(database));
  Compared compared;
  for (std::string line; std::getline(in, line);)
    SLUICE_TRY(check_acknowledged(database, line, pruned_before, compared));
  return compared;
}

Result<Compared> compare_received(Database& database, const std::string& file) {
  std::ifstream in{file};
  if (!in) return sluice::errno_error(errno, "read " + file);
  std::unordered_set<std::string> received;
  for (std::string line; std::getline(in, line);) received.insert(line.substr(0, line.find(' ')));
  Compared compared;
  Statement row = SLUICE_TRY(database.query("SELECT event_id, type, subject FROM outbox"));
  while (SLUICE_TRY(row.step())) {
    ++compared.checked;
    if (received.erase(std::string{row.text(0)}) == 0)
      compared.findings.push_back("never received: " + std::string{row.text(0)} + " (" +
                                  std::string{row.text(1)} + " " + std::string{row.text(2)} + ")");
  }
  for (const std::string& id : received)
    compared.findings.push_back("received, but not in the outbox: " + id);
  return compared;
}

void print_report(const payment_core::AuditReport& report) {
  printf(
      "%s payments (%s declined, %s decided by the fallback rule), %s refunds, %s entries, "
      "%s accounts\n%s events, %s not delivered\n",
      with_commas(report.payments).c_str(), with_commas(report.declined).c_str(),
      with_commas(report.decided_by_fallback).c_str(), with_commas(report.refunds).c_str(),
      with_commas(report.entries).c_str(), with_commas(report.accounts).c_str(),
      with_commas(report.events).c_str(), with_commas(report.events_undelivered).c_str());
  for (const auto& totals : report.currencies)
    printf("  %s: %s entries, %s moved\n", totals.currency.c_str(),
           with_commas(totals.entries).c_str(), totals.moved.c_str());
}

// Not findings: the ledger is sound, but somebody must do something about them.
Result<void> print_dead_letters(Database& database, const payment_core::AuditReport& report,
                                const std::string& file) {
  if (report.events_dead == 0) return {};
  printf("%s events were given up; `payments requeue --db %s` queues them again. The latest:\n",
         with_commas(report.events_dead).c_str(), file.c_str());
  for (const notify_sdk::DeadLetter& letter :
       SLUICE_TRY(notify_sdk::read_dead(database, dead_shown_max)))
    printf("  %s (%s %s) after %s attempts: %s\n", letter.event.id.c_str(),
           letter.event.type.c_str(), letter.event.subject.c_str(),
           with_commas(letter.attempts).c_str(), letter.last_failure.c_str());
  return {};
}

int print_verdict(const std::vector<std::string>& findings) {
  for (size_t i = 0; i < findings.size() && i < findings_shown_max; ++i)
    printf("FOUND %s\n", findings[i].c_str());
  if (findings.empty())
    printf("verify: the ledger is sound\n");
  else
    printf("verify: %zu findings\n", findings.size());
  fflush(stdout);
  return findings.empty() ? 0 : 1;
}

}  // namespace

Result<int> verify(const Context& context, const VerifyOptions& options) {
  Database database = SLUICE_TRY(Database::open(options.database, {.read_only = true}));
  const sluice::sqlite::CancelScope until_stopped{database, context};
  Result<payment_core::AuditReport> audited = payment_core::audit(database);
  if (!audited) return wrap(audited.error(), options.database);
  std::vector<std::string> findings = std::move(audited->findings);
  print_report(*audited);
  SLUICE_TRY(print_dead_letters(database, *audited, options.database));
  const auto add = [&](const char* what, const Compared& compared) {
    printf("%s %s compared\n", with_commas(compared.checked).c_str(), what);
    findings.insert(findings.end(), compared.findings.begin(), compared.findings.end());
  };
  if (!options.acknowledged_file.empty())
    add("acknowledged payments and refunds",
        SLUICE_TRY(compare_acknowledged(database, options.acknowledged_file)));
  if (!options.received_file.empty())
    add("events with the receiver's record",
        SLUICE_TRY(compare_received(database, options.received_file)));
  return print_verdict(findings);
}

}  // namespace payments_cmd
