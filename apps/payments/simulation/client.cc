// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/client.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "apps/payments/simulation/must.h"
#include "apps/payments/simulation/tally.h"
#include "sluice/runtime/go.h"
#include "sluice/simulation/simulate.h"

namespace payments_simulation {

using payment_core::CreatePayment;
using payment_core::CreateRefund;
using payment_core::Currency;
using payment_core::Money;
using sluice::Context;
using sluice::Result;
using sluice::simulation::fail;
using sluice::simulation::note;

namespace {

constexpr std::chrono::milliseconds first_timeout{20};
constexpr std::chrono::milliseconds first_pause{2};
constexpr int doublings_max = 11;

bool is_known(const Result<Reply>& reply) {
  return reply && reply->status < 500 && reply->status != 408;
}

std::string in_words(const Result<Reply>& reply) {
  return reply ? std::to_string(reply->status) : reply.error().to_string();
}

}  // namespace

std::optional<Reply> insist(Api& api, Record& record, Dice& dice, const std::string& key,
                            const Command& command, Patience patience) {
  record.ask(key, command);
  for (int attempt = 0;; ++attempt) {
    const int doubled = 1 << std::min(attempt, doublings_max);
    auto [context, cancel] =
        sluice::with_timeout(Context::background(), dice.up_to(first_timeout * doubled * 2));
    Result<Reply> reply = api.send(context, key, command);
    if (is_known(reply)) {
      note(key + " is answered " + std::to_string(reply->status) +
           (reply->replayed ? ", again" : ""));
      record.answer(key, command, *reply);
      return *std::move(reply);
    }
    tally(Tallied::attempts_failed);
    note(key + " fails: " + in_words(reply));
    if (patience.gives_up && attempt >= 2 && dice.percent(10)) {
      tally(Tallied::clients_gave_up);
      return std::nullopt;
    }
    if (attempt >= patience.attempts_max) {
      if (!patience.gives_up)
        fail("no answer though nothing fails: to " + key + ", but " + in_words(reply));
      return std::nullopt;
    }
    sluice::sleep_for(dice.up_to(first_pause * doubled));
  }
}

void Client::run(int operations) {
  for (int i = 0; i < operations; ++i) {
    sluice::sleep_for(dice_.up_to(std::chrono::milliseconds{20}));
    const uint64_t what = dice_.below(100);
    if (what < 40 || notebook_.sent.empty())
      pay();
    else if (what < 55)
      repeat();
    else if (what < 65)
      reuse_key();
    else if (what < 88)
      refund();
    else
      read_back();
  }
}

std::string Client::next_key() {
  return "key-" + std::to_string(number_) + '-' + std::to_string(++keys_);
}

Command Client::make_payment() {
  constexpr std::string_view currencies[] = {"EUR", "EUR", "JPY"};
  constexpr std::string_view countries[] = {"DE", "DE", "", "VE", "KP"};  // the last is denied
  const Currency currency =
      must(Currency::parse(currencies[dice_.below(std::size(currencies))]), "currency");
  return {CreatePayment{.payer = "payer-" + std::to_string(dice_.below(3)),
                        .payee = "shop-" + std::to_string(dice_.below(2)),
                        .amount = Money{static_cast<int64_t>(1 + dice_.below(1000)), currency},
                        .country = std::string{countries[dice_.below(std::size(countries))]}}};
}

void Client::send(const std::string& key, const Command& command) {
  notebook_.sent.emplace_back(key, command);
  std::optional<Reply> reply =
      insist(api_, record_, dice_, key, command, {.attempts_max = 60, .gives_up = true});
  if (!reply || reply->status != 201) return;
  if (command.is_payment()) {
    if (text_of(reply->body, "status") == "captured")
      notebook_.paid.try_emplace(text_of(reply->body, "id"),
                                 Notebook::Paid{.amount = number_of(reply->body, "amount")});
  } else if (!reply->replayed) {
    notebook_.paid[text_of(reply->body, "payment_id")].refunded += number_of(reply->body, "amount");
  }
}

void Client::pay() { send(next_key(), make_payment()); }

// What somebody has sent, or is sending at the moment.
void Client::repeat() {
  const auto [key, command] = notebook_.sent[dice_.below(notebook_.sent.size())];
  send(key, command);
}

void Client::reuse_key() {
  const std::string key = notebook_.sent[dice_.below(notebook_.sent.size())].first;
  send(key, make_payment());
}

const std::string* Client::any_payment() {
  if (notebook_.paid.empty()) return nullptr;
  return &std::next(notebook_.paid.begin(),
                    static_cast<std::ptrdiff_t>(dice_.below(notebook_.paid.size())))
              ->first;
}

void Client::refund() {
  const std::string* id = any_payment();
  if (id == nullptr) return pay();
  const int64_t amount = notebook_.paid[*id].amount;
  CreateRefund refund{.payment_id = *id};
  if (dice_.percent(70))  // else the rest
    refund.amount_minor =
        1 + static_cast<int64_t>(dice_.below(static_cast<uint64_t>(amount + amount / 4 + 1)));
  send(next_key(), {refund});
}

// What was acknowledged before is seen.
void Client::read_back() {
  const std::string* found = any_payment();
  if (found == nullptr) return;
  const std::string id = *found;
  const Notebook::Paid before = notebook_.paid[id];
  auto [context, cancel] =
      sluice::with_timeout(Context::background(), dice_.up_to(std::chrono::seconds{1}));
  Result<Reply> reply = api_.payment(context, id);
  if (!is_known(reply)) return;
  if (reply->status != 200) fail("a payment cannot be read: " + id + ", but " + in_words(reply));
  if (number_of(reply->body, "amount") != before.amount)
    fail("a payment is read as another one: " + id + " as " + reply->body);
  const int64_t refunded = number_of(reply->body, "refunded");
  if (refunded < before.refunded || refunded > before.amount)
    fail("acknowledged refunds are not read: " + std::to_string(before.refunded) + " of " + id +
         ", but " + reply->body);
}

}  // namespace payments_simulation
