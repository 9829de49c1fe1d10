// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "sluice/base/time.h"

namespace risk_engine {

// How often each account has been seen within a sliding window: the count of the current fixed
// window plus the share of the previous one that the sliding window still covers. Two numbers an
// account, accounts of the last two windows only. Thread-safe.
class Velocity {
 public:
  explicit Velocity(sluice::Duration window) : window_(window) {}

  // Counts one more event of `account` and returns the count, itself included.
  int64_t count(const std::string& account, sluice::Instant now);

  // Accounts remembered at the moment.
  size_t size() const;

 private:
  struct Counter {
    int64_t window = 0;  // the number of the window that `current` counts
    int64_t current = 0;
    int64_t previous = 0;
  };
  // Locks are held for a map operation and no wait; many, because every payment takes one.
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Counter> counters;  // guarded by mutex
    int64_t swept_window = 0;                           // guarded by mutex
  };

  static void sweep(Shard& shard, int64_t window);

  const sluice::Duration window_;
  std::array<Shard, 16> shards_;
};

}  // namespace risk_engine
