// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/record.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "apps/payments/simulation/must.h"
#include "apps/payments/simulation/tally.h"
#include "sluice/json/value.h"

namespace payments_simulation {

using sluice::simulation::fail;
using sluice::sqlite::Database;
using sluice::sqlite::Statement;

std::string Command::canonical() const {
  return std::visit([](const auto& each) { return each.canonical(); }, request);
}

bool Reply::is_conflict() const {
  return status == 409 && body.find("Idempotency-Key") != std::string::npos;
}

std::string text_of(const std::string& body, const char* member) {
  const sluice::json::Value value = must(sluice::json::parse(body), "not JSON: " + body);
  return std::string{must(value.get_string(member), body)};
}

int64_t number_of(const std::string& body, const char* member) {
  const sluice::json::Value value = must(sluice::json::parse(body), "not JSON: " + body);
  return must(value.get_int64(member), body);
}

void Record::ask(const std::string& key, const Command& command) {
  std::vector<Command>& commands = keys_[key].commands;
  const std::string canonical = command.canonical();
  if (std::ranges::none_of(commands,
                           [&](const Command& known) { return known.canonical() == canonical; }))
    commands.push_back(command);
}

void Record::answer(const std::string& key, const Command& command, const Reply& reply) {
  Key& known = keys_[key];
  const std::string canonical = command.canonical();
  if (reply.is_conflict()) {
    tally(Tallied::conflicts);
    known.refused.insert(canonical);
  } else {
    tally(reply.replayed        ? Tallied::replays
          : reply.status != 201 ? Tallied::refusals
                                : (command.is_payment() ? Tallied::payments : Tallied::refunds));
    if (!reply.replayed && ++known.executions > 1)
      fail("a key was executed twice: " + key + ", the second time as " + reply.body);
    Winner winner{.canonical = canonical, .status = reply.status, .body = reply.body};
    if (reply.status == 201)
      winner.made = {.key = key,
                     .id = text_of(reply.body, "id"),
                     .amount = number_of(reply.body, "amount"),
                     .is_payment = command.is_payment()};
    if (!known.winner)
      known.winner = std::move(winner);
    else if (known.winner->canonical != canonical)
      fail("a key was executed for two requests: " + key + ", the second time as " + reply.body);
    else if (known.winner->status != reply.status || known.winner->body != reply.body)
      fail("a key has two answers: " + key + ": " + known.winner->body + " and " + reply.body);
  }
  if (known.winner && known.refused.contains(known.winner->canonical))
    fail("a key refuses the request that it answered: " + key + ": " + known.winner->body);
}

void Record::deliver(const std::string& event_id, const std::string& body) {
  auto [place, is_new] = received_.try_emplace(event_id, body, received_.size());
  tally(is_new ? Tallied::webhooks : Tallied::webhooks_repeated);
  if (place->second.body != body)
    fail("a webhook came with two bodies: " + event_id + ": " + place->second.body + " and " +
         body);
}

bool Record::is_answered(const std::string& key) const {
  const auto known = keys_.find(key);
  return known != keys_.end() && known->second.winner.has_value();
}

std::map<std::string, std::vector<Command>> Record::asked() const {
  std::map<std::string, std::vector<Command>> all;
  for (const auto& [key, known] : keys_) all[key] = known.commands;
  return all;
}

void Record::check_against(Database& ledger) const {
  check_made(ledger);
  check_counts(ledger);
  check_deliveries(ledger);
}

// That it is there, with its amount, and its key names it.
void Record::check_made(Database& ledger) const {
  for (const auto& [key, known] : keys_) {
    if (!known.winner) fail("a key was never answered: " + key);
    if (!known.winner->made) continue;
    const Acknowledged& made = *known.winner->made;
    Statement row =
        must(ledger.query("SELECT x.amount, i.resource_id FROM (SELECT id, amount FROM payments"
                          " UNION ALL SELECT id, amount FROM refunds) x"
                          " LEFT JOIN idempotency i ON i.key = ? WHERE x.id = ?",
                          key, made.id),
             "query");
    if (!must(row.step(), "query")) fail("lost: " + made.id + ", acknowledged for the key " + key);
    if (row.integer(0) != made.amount)
      fail("another amount was acknowledged: " + made.id + " has " +
           std::to_string(row.integer(0)) + ", not " + std::to_string(made.amount));
    if (row.text(1) != made.id)
      fail("a key names something else: " + key + " of " + made.id + ": " +
           std::string{row.text(1)});
  }
}

// That there is nothing else.
void Record::check_counts(Database& ledger) const {
  int64_t made[2] = {0, 0};
  for (const auto& [key, known] : keys_)
    if (known.winner && known.winner->made) ++made[known.winner->made->is_payment ? 0 : 1];
  Statement row = must(ledger.query("SELECT (SELECT count(*) FROM payments),"
                                    " (SELECT count(*) FROM refunds)"),
                       "query");
  (void)must(row.step(), "query");
  for (const int what : {0, 1})
    if (row.integer(what) != made[what])
      fail("not what was acknowledged: the ledger has " + std::to_string(row.integer(what)) +
           (what == 0 ? " payments, not " : " refunds, not ") + std::to_string(made[what]));
}

void Record::check_deliveries(Database& ledger) const {
  std::set<std::string> found;
  std::map<std::string, uint64_t> latest;  // of each subject
  Statement row = must(
      ledger.query("SELECT event_id, type, subject, body FROM outbox ORDER BY sequence"), "query");
  while (must(row.step(), "query")) {
    const std::string id{row.text(0)};
    const std::string what =
        id + " (" + std::string{row.text(1)} + " of " + std::string{row.text(2)} + ")";
    const auto received = received_.find(id);
    if (received == received_.end()) fail("never delivered: " + what);
    found.insert(id);
    if (received->second.body != row.text(3)) fail("delivered with another body: " + what);
    auto [before, is_first] = latest.try_emplace(std::string{row.text(2)}, received->second.order);
    if (!is_first && before->second > received->second.order)
      fail("delivered before an earlier one of its payment: " + what);
    before->second = received->second.order;
  }
  for (const auto& [id, received] : received_)
    if (!found.contains(id)) fail("a webhook tells of what is not in the outbox: " + id);
}

}  // namespace payments_simulation
