// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "sluice/base/time.h"

namespace sluice::http::internal {

// The moment that lies `limit` from now; never, for limits like Duration::max().
inline Instant deadline_after(Duration limit) {
  Instant start = now();
  return limit < Instant::max() - start ? start + limit : Instant::max();
}

// How long a peer has been waited for in one direction of a message, and what it moved meanwhile.
// Only waits count: time that a handler takes is not the client's.
class Pace {
 public:
  void moved(size_t bytes) { bytes_ += bytes; }
  void waited_since(Instant start) { waited_ += now() - start; }

  // The longest next wait: `limit`, but all waits together no more than `limit` and what the bytes
  // take at `bytes_per_second_min` (0: no such bound). So a peer that moves one byte now and then
  // does not hold the connection.
  Duration patience(Duration limit, uint64_t bytes_per_second_min) const {
    if (bytes_per_second_min == 0 || limit >= ample) return limit;
    uint64_t seconds = std::min<uint64_t>(bytes_ / bytes_per_second_min, ample.count());
    return std::min(limit, limit + std::chrono::seconds(seconds) - waited_);
  }

 private:
  static constexpr std::chrono::seconds ample = std::chrono::hours(24 * 365);

  uint64_t bytes_ = 0;
  Duration waited_{};
};

}  // namespace sluice::http::internal
