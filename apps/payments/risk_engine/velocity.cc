// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/risk_engine/velocity.h"

#include <functional>

namespace risk_engine {

int64_t Velocity::count(const std::string& account, sluice::Instant now) {
  const int64_t since_boot = now.time_since_epoch().count();
  const int64_t window = since_boot / window_.count();
  const double into_window =
      static_cast<double>(since_boot % window_.count()) / static_cast<double>(window_.count());
  Shard& shard = shards_[std::hash<std::string>{}(account) % shards_.size()];
  std::lock_guard guard{shard.mutex};
  sweep(shard, window);
  Counter& counter = shard.counters[account];
  if (counter.window != window) {
    counter.previous = counter.window == window - 1 ? counter.current : 0;
    counter.current = 0;
    counter.window = window;
  }
  ++counter.current;
  return counter.current +
         static_cast<int64_t>(static_cast<double>(counter.previous) * (1 - into_window));
}

// Once a window, forgets the accounts that neither this window nor the one before has seen.
void Velocity::sweep(Shard& shard, int64_t window) {
  if (shard.swept_window == window) return;
  shard.swept_window = window;
  std::erase_if(shard.counters, [&](const auto& item) { return item.second.window < window - 1; });
}

size_t Velocity::size() const {
  size_t size = 0;
  for (const Shard& shard : shards_) {
    std::lock_guard guard{shard.mutex};
    size += shard.counters.size();
  }
  return size;
}

}  // namespace risk_engine
