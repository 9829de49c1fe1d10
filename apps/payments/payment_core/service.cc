// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/service.h"

#include <array>
#include <utility>

#include "apps/payments/notify_sdk/outbox.h"
#include "apps/payments/payment_core/field.h"
#include "apps/payments/payment_core/id.h"
#include "apps/payments/payment_core/ledger.h"
#include "apps/payments/payment_core/payment_json.h"

namespace payment_core {

using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;
using sluice::sqlite::Database;
using sluice::sqlite::ReaderPool;

namespace {

// Deleting this many takes a few milliseconds.
constexpr int64_t forgotten_at_once_max = 500;

// What a command did: the answer to store, and what it made, if it made something.
struct Effect {
  int status = 0;
  std::string body;
  std::optional<std::string> resource_id;
  int64_t created_at = 0;  // the resource's, so that its key does not look older than it is
};

// A refusal is an answer too, and is stored.
Effect refusal(const Error& error) {
  return {.status = sluice::info(error.code()).http_status,
          .body = to_json(error),
          .created_at = unix_milliseconds()};
}

Result<Answer> replay(StoredAnswer stored, const std::string& canonical) {
  if (stored.request != canonical)
    return field_error("Idempotency-Key", "the key was used for another request",
                       Code::already_exists);
  return Answer{.status = stored.status, .body = std::move(stored.body), .replayed = true};
}

Result<void> enqueue_event(Database& database, std::string_view type, const std::string& subject,
                           std::string_view data, int64_t now) {
  const std::string id = make_id("evt_");
  return notify_sdk::enqueue(database, {.id = id,
                                        .type = std::string{type},
                                        .subject = subject,
                                        .body = event_json(id, type, now, data),
                                        .created_at = now});
}

Payment make_payment(const CreatePayment& request, const risk_engine::Assessment& risk) {
  std::string rules;
  for (const std::string& rule : risk.rules) rules += (rules.empty() ? "" : ",") + rule;
  return {.id = make_id("pay_"),
          .payer = request.payer,
          .payee = request.payee,
          .amount = request.amount,
          .country = request.country,
          .reference = request.reference,
          .state = risk.decision == risk_engine::Decision::deny ? PaymentState::declined
                                                                : PaymentState::captured,
          .risk = {.decision = std::string{name(risk.decision)},
                   .score = risk.score,
                   .rules = std::move(rules),
                   .decided_by = risk.decided_by},
          .created_at = unix_milliseconds()};
}

Result<Effect> store_payment(Database& database, const Payment& payment) {
  SLUICE_TRY(open_account(database, payment.payer, payment.created_at));
  SLUICE_TRY(open_account(database, payment.payee, payment.created_at));
  SLUICE_TRY(insert_payment(database, payment));
  const bool captured = payment.state == PaymentState::captured;
  if (captured) {
    const std::array<Posting, 2> postings{
        Posting{.account = payment.payer, .amount = SLUICE_TRY(payment.amount.negated())},
        Posting{.account = payment.payee, .amount = payment.amount}};
    SLUICE_TRY(
        post(database, {.payment_id = payment.id, .created_at = payment.created_at}, postings));
  }
  std::string body = to_json(payment);
  SLUICE_TRY(enqueue_event(database, captured ? "payment.captured" : "payment.declined", payment.id,
                           body, payment.created_at));
  return Effect{.status = 201,
                .body = std::move(body),
                .resource_id = payment.id,
                .created_at = payment.created_at};
}

// The refund that `request` asks for.
// Errors: failed_precondition and invalid_argument, which are refusals.
Result<Refund> plan_refund(const Payment& payment, const CreateRefund& request) {
  if (payment.state != PaymentState::captured)
    return Error{Code::failed_precondition, "the payment was declined, there is nothing to refund"};
  const Currency currency = payment.amount.currency();
  if (!request.currency.empty() && request.currency != currency.code())
    return field_error("currency", "the payment is in " + std::string{currency.code()});
  const int64_t left = payment.amount.minor() - payment.refunded_minor;
  const int64_t amount = request.amount_minor.value_or(left);
  if (left == 0)
    return Error{Code::failed_precondition, "the payment has been refunded completely"};
  if (amount > left)
    return field_error("amount",
                       std::to_string(amount) + " is more than the " + std::to_string(left) +
                           " that is left of the payment",
                       Code::failed_precondition);
  return Refund{.id = make_id("ref_"),
                .payment_id = payment.id,
                .amount = Money{amount, currency},
                .reason = request.reason,
                .created_at = unix_milliseconds()};
}

Result<Effect> store_refund(Database& database, const CreateRefund& request) {
  Result<Payment> payment = read_payment(database, request.payment_id);
  if (!payment && payment.error().code() == Code::not_found) return refusal(payment.error());
  if (!payment) return payment.error();
  Result<Refund> refund = plan_refund(*payment, request);
  if (!refund) return refusal(refund.error());
  SLUICE_TRY(insert_refund(database, *refund));
  const std::array<Posting, 2> postings{
      Posting{.account = payment->payee, .amount = SLUICE_TRY(refund->amount.negated())},
      Posting{.account = payment->payer, .amount = refund->amount}};
  SLUICE_TRY(
      post(database,
           {.payment_id = payment->id, .refund_id = refund->id, .created_at = refund->created_at},
           postings));
  payment->refunded_minor += refund->amount.minor();
  std::string body = to_json(*refund, *payment);
  SLUICE_TRY(enqueue_event(database, "payment.refunded", payment->id, body, refund->created_at));
  return Effect{.status = 201,
                .body = std::move(body),
                .resource_id = refund->id,
                .created_at = refund->created_at};
}

}  // namespace

struct Service::Command {
  std::string canonical;
  // Before the transaction: may wait.
  std::function<void(const Context&)> prepare;
  // Inside it: must not wait.
  std::function<Result<Effect>(Database&)> execute;
};

Service::Service(sluice::sqlite::Writer& writer, ReaderPool& readers, risk_engine::Guard& risk,
                 std::function<void()> on_event)
    : writer_(writer), readers_(readers), risk_(risk), on_event_(std::move(on_event)) {}

Result<Answer> Service::create_payment(const Context& context, const std::string& key,
                                       const CreatePayment& request) {
  std::optional<Payment> payment;
  Command command{.canonical = request.canonical(),
                  .prepare =
                      [&](const Context& context) {
                        const Currency currency = request.amount.currency();
                        payment = make_payment(
                            request,
                            risk_.assess(context, {.account = request.payer,
                                                   .amount_minor = request.amount.minor(),
                                                   .currency = std::string{currency.code()},
                                                   .exponent = currency.exponent(),
                                                   .country = request.country}));
                      },
                  .execute = [&](Database& database) { return store_payment(database, *payment); }};
  return run(context, key, command);
}

Result<Answer> Service::refund(const Context& context, const std::string& key,
                               const CreateRefund& request) {
  Command command{.canonical = request.canonical(),
                  .execute = [&](Database& database) { return store_refund(database, request); }};
  return run(context, key, command);
}

Result<Answer> Service::run(const Context& context, const std::string& key, Command& command) {
  KeyLock::Held turn = SLUICE_TRY(key_lock_.acquire(context, key));
  {
    ReaderPool::Reader reader = SLUICE_TRY(readers_.acquire(context));
    std::optional<StoredAnswer> stored = SLUICE_TRY(read_answer(*reader, key));
    if (stored) return replay(*std::move(stored), command.canonical);
  }
  if (command.prepare) command.prepare(context);
  if (std::optional<Error> ended = context.err()) return *ended;
  // From here on the command runs to its commit, whether or not the client still listens.
  Answer answer;
  SLUICE_TRY(
      writer_.run([&](Database& database) { return execute(database, key, command, answer); }));
  on_event_();
  return answer;
}

Result<void> Service::execute(Database& database, const std::string& key, Command& command,
                              Answer& answer) {
  // Again, inside the transaction: the key lock holds within this process only.
  if (std::optional<StoredAnswer> stored = SLUICE_TRY(read_answer(database, key))) {
    answer = SLUICE_TRY(replay(*std::move(stored), command.canonical));
    return {};
  }
  Effect effect = SLUICE_TRY(command.execute(database));
  SLUICE_TRY(insert_answer(
      database, key, {.request = command.canonical, .status = effect.status, .body = effect.body},
      effect.resource_id, effect.created_at));
  answer = {.status = effect.status, .body = std::move(effect.body)};
  return {};
}

Result<int64_t> Service::forget_keys(const Context& context, int64_t before) {
  int64_t forgotten = 0;
  // In parts, so that payments do not wait long for the writer.
  for (;;) {
    if (std::optional<Error> ended = context.err()) return *ended;
    int64_t part = 0;
    SLUICE_TRY(writer_.run([&](Database& database) -> Result<void> {
      part = SLUICE_TRY(prune_answers(database, before, forgotten_at_once_max));
      return {};
    }));
    forgotten += part;
    if (part < forgotten_at_once_max) return forgotten;
  }
}

Result<Payment> Service::payment(const Context& context, std::string_view id) {
  ReaderPool::Reader reader = SLUICE_TRY(readers_.acquire(context));
  return read_payment(*reader, id);
}

Result<Account> Service::account(const Context& context, std::string_view id) {
  ReaderPool::Reader reader = SLUICE_TRY(readers_.acquire(context));
  return read_account(*reader, id);
}

Result<EntryPage> Service::entries(const Context& context, std::string_view account,
                                   std::optional<int64_t> before, int64_t limit) {
  ReaderPool::Reader reader = SLUICE_TRY(readers_.acquire(context));
  return read_entries(*reader, account, before, limit);
}

Result<void> Service::check_ready(const Context& context) {
  ReaderPool::Reader reader = SLUICE_TRY(readers_.acquire(context));
  return reader->run("SELECT 1 FROM payments LIMIT 1");
}

}  // namespace payment_core
