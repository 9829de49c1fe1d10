// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"

namespace payments_cmd {

struct ServeOptions {
  std::string database;                   // created if it does not exist
  std::string listen = "127.0.0.1:8080";  // port 0: a free one
  std::string debug_listen;               // for operators: /debug/pprof/; empty: nowhere
  std::string webhook_url;                // empty: events stay in the outbox
  std::string webhook_secret;
  int64_t webhook_attempts = 1000;  // failed ones, after which an event is given up
  // How long a key's answer is kept: a repetition that comes later is executed as a new request.
  sluice::Duration key_retention = std::chrono::hours{30 * 24};
  sluice::Duration risk_deadline = std::chrono::milliseconds{50};
  // For demonstrations of the fallback rule: the risk engine answers this much later.
  sluice::Duration risk_delay{};
};

// Serves until the context ends: then takes no new requests, finishes those under way, waits for
// webhooks under way, closes the database. Prints the address on standard output once it listens.
// Errors: the database (also when another service has it), the address, the webhook's URL.
sluice::Result<int> serve(const sluice::Context& context, const ServeOptions& options);

}  // namespace payments_cmd
