// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"

namespace payments_cmd {

struct LoadOptions {
  std::string url;
  int goroutines = 32;
  sluice::Duration duration = std::chrono::seconds{10};
  int accounts = 2000;
  uint64_t seed = 1;
  // Where to note "key id amount currency" of each payment and refund; empty: nowhere.
  std::string acknowledged_file;
  // How long a request is repeated while the service is away.
  sluice::Duration patience = std::chrono::seconds{20};
};

// A closed loop: each goroutine sends a request, waits for the answer, checks it, sends the next.
// Of 100 requests about 80 create payments, 8 refund one, 8 read one back, 4 repeat a key. Prints
// throughput and latencies by kind. The status is 1 when an answer was wrong or missing.
sluice::Result<int> run_load(const sluice::Context& context, const LoadOptions& options);

}  // namespace payments_cmd
