// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

#include "sluice/base/result.h"
#include "sluice/context/context.h"

namespace payments_cmd {

struct ReceiveOptions {
  std::string listen = "127.0.0.1:0";
  std::string secret;
  std::string record;    // a file that gets one line per event: "event_id type payment_id"
  int fail_percent = 0;  // refuse this share of good deliveries, to see them repeated
  uint64_t seed = 1;
};

// A webhook receiver, as a customer would write one: checks the signature, drops events it has
// already seen (also before a restart, by the record file), notes the others before it answers.
// POST / takes events, GET /stats tells how many. Serves until the context ends.
sluice::Result<int> receive(const sluice::Context& context, const ReceiveOptions& options);

}  // namespace payments_cmd
