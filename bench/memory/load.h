// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "sluice/base/time.h"
#include "sluice/http/client.h"

namespace bench_memory {

// What became of the requests of a phase.
struct Tally {
  uint64_t served = 0;  // 200
  uint64_t shed = 0;    // 503
  uint64_t failed = 0;  // no answer
  std::vector<sluice::Duration> served_in;

  uint64_t sent() const { return served + shed + failed; }
  double ms(double part);  // a percentile of served_in
};

// Sends requests at this rate, whatever becomes of those before, for so long, and waits for all
// answers. On a goroutine.
Tally load(const sluice::http::Client& client, const std::string& url, int per_second,
           std::chrono::milliseconds span);

// Until a request is served; false: none was for ten seconds.
bool wait_until_served(const sluice::http::Client& client, const std::string& url);

}  // namespace bench_memory
