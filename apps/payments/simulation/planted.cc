// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/simulation/planted.h"

#include <optional>

#include "apps/payments/notify_sdk/outbox.h"
#include "apps/payments/payment_core/id.h"
#include "apps/payments/payment_core/store.h"

namespace payments_simulation {

using payment_core::Answer;
using sluice::Context;
using sluice::Result;
using sluice::sqlite::Database;

Result<Answer> execute_carelessly(payments_cmd::Platform& platform, const Context& context,
                                  const std::string& key, const Command& command) {
  {
    auto reader = SLUICE_TRY(platform.readers().acquire(context));
    std::optional<payment_core::StoredAnswer> stored =
        SLUICE_TRY(payment_core::read_answer(*reader, key));
    // A conflict is the service's to tell.
    if (stored && stored->request == command.canonical())
      return Answer{.status = stored->status, .body = std::move(stored->body), .replayed = true};
    if (stored) return execute(platform.service(), context, key, command);
  }
  const std::string once = payment_core::make_id("once_");
  Answer answer = SLUICE_TRY(execute(platform.service(), context, once, command));
  SLUICE_TRY(platform.writer().run([&](Database& database) {
    return database.run("UPDATE OR REPLACE idempotency SET key = ? WHERE key = ?", key, once);
  }));
  return answer;
}

Result<void> mark_early(payments_cmd::Platform& platform, notify_sdk::Endpoint& endpoint,
                        const Context& context, const notify_sdk::Delivery& delivery) {
  SLUICE_TRY(platform.writer().run([&](Database& database) {
    return notify_sdk::mark_delivered(database, delivery.sequence,
                                      payment_core::unix_milliseconds());
  }));
  Result<void> delivered = endpoint.deliver(context, delivery);
  if (delivered) return {};
  SLUICE_TRY(platform.writer().run([&](Database& database) {
    return database.run("UPDATE outbox SET delivered_at = NULL WHERE sequence = ?",
                        delivery.sequence);
  }));
  return delivered;
}

Result<void> forget_on_retry(payments_cmd::Platform&, notify_sdk::Endpoint& endpoint,
                             const Context& context, const notify_sdk::Delivery& delivery) {
  if (delivery.attempts >= 2) return {};
  return endpoint.deliver(context, delivery);
}

}  // namespace payments_simulation
