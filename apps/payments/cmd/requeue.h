// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "sluice/base/result.h"
#include "sluice/context/context.h"

namespace payments_cmd {

struct RequeueOptions {
  std::string database;
  std::string event;  // an event id; empty: every event that was given up
};

// Queues webhooks that were given up again, behind all that is queued, with all their attempts.
// A service that runs on the database meanwhile delivers them within seconds.
// Errors: the database; not_found (the event has not been given up).
sluice::Result<int> requeue(const sluice::Context& context, const RequeueOptions& options);

}  // namespace payments_cmd
