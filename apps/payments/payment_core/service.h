// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "apps/payments/payment_core/key_lock.h"
#include "apps/payments/payment_core/payment.h"
#include "apps/payments/payment_core/request.h"
#include "apps/payments/payment_core/store.h"
#include "apps/payments/risk_engine/guard.h"
#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/sqlite/reader_pool.h"
#include "sluice/sqlite/writer.h"

namespace payment_core {

// What a command answers: an HTTP status and the exact bytes of the body.
struct Answer {
  int status = 0;
  std::string body;
  bool replayed = false;  // the stored answer of an earlier request with the same key
};

// The payments service. Thread-safe.
//
// Commands are idempotent by key: the first request with a key is executed, and its answer, also a
// refusal, is stored with its effects in one transaction; a repetition gets the stored bytes; the
// same key with another request is refused (already_exists). So it is until the key is forgotten
// (forget_keys). Requests with one key that come at the same time take turns, so that one executes.
// An answer is given after its commit only.
class Service {
 public:
  // All must outlive the service. `on_event` is called after each commit that wrote an event.
  Service(sluice::sqlite::Writer& writer, sluice::sqlite::ReaderPool& readers,
          risk_engine::Guard& risk, std::function<void()> on_event);

  // Asks risk, then writes payment, entries, event and answer. A denied payment is stored as
  // declined and moves no money.
  // Errors: already_exists (key used for another request), the context's while it waits for its
  // turn, SQLite's. After an error nothing was written, or the answer to it was lost: repeat with
  // the same key.
  sluice::Result<Answer> create_payment(const sluice::Context& context, const std::string& key,
                                        const CreatePayment& request);

  // Refunds a part or the rest of a payment: never more than its amount in all.
  // Errors: as create_payment(). Refusals (unknown payment, too much) are Answers.
  sluice::Result<Answer> refund(const sluice::Context& context, const std::string& key,
                                const CreateRefund& request);

  // Forgets the answers to keys older than `before` (Unix milliseconds): a repetition of such a
  // request would be executed. Returns how many they were.
  // Errors: the context's; SQLite's.
  sluice::Result<int64_t> forget_keys(const sluice::Context& context, int64_t before);

  // Errors: not_found; the context's; SQLite's.
  sluice::Result<Payment> payment(const sluice::Context& context, std::string_view id);
  sluice::Result<Account> account(const sluice::Context& context, std::string_view id);
  sluice::Result<EntryPage> entries(const sluice::Context& context, std::string_view account,
                                    std::optional<int64_t> before, int64_t limit);

  // Whether the database can be read. Errors: as the reads.
  sluice::Result<void> check_ready(const sluice::Context& context);

 private:
  struct Command;

  sluice::Result<Answer> run(const sluice::Context& context, const std::string& key,
                             Command& command);
  sluice::Result<void> execute(sluice::sqlite::Database& database, const std::string& key,
                               Command& command, Answer& answer);

  sluice::sqlite::Writer& writer_;
  sluice::sqlite::ReaderPool& readers_;
  risk_engine::Guard& risk_;
  std::function<void()> on_event_;
  KeyLock key_lock_;
};

}  // namespace payment_core
