// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/requeue.h"

#include <stdio.h>

#include <optional>
#include <string_view>

#include "apps/payments/cmd/progress.h"
#include "apps/payments/notify_sdk/outbox.h"
#include "apps/payments/payment_core/schema.h"
#include "sluice/sqlite/database.h"
#include "sluice/sqlite/transaction.h"

namespace payments_cmd {

using sluice::Code;
using sluice::Context;
using sluice::Error;
using sluice::Result;
using sluice::sqlite::Database;
using sluice::sqlite::Transaction;

Result<int> requeue(const Context&, const RequeueOptions& options) {
  Database database = SLUICE_TRY(Database::open(options.database, {.create = false}));
  if (Result<void> known = payment_core::check_schema(database); !known)
    return wrap(known.error(), options.database);
  std::optional<std::string_view> event;
  if (!options.event.empty()) event = options.event;
  Transaction transaction = SLUICE_TRY(Transaction::begin(database));
  const int64_t queued = SLUICE_TRY(notify_sdk::requeue_dead(database, event));
  if (event && queued == 0)
    return Error{Code::not_found, "no event \"" + options.event + "\" has been given up"};
  SLUICE_TRY(transaction.commit());
  printf("requeue: %s %s queued again\n", with_commas(queued).c_str(),
         queued == 1 ? "event" : "events");
  fflush(stdout);
  return 0;
}

}  // namespace payments_cmd
