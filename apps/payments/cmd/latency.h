// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "sluice/base/time.h"

namespace payments_cmd {

// Counts durations in buckets of at most 1.6 % width, for percentiles in constant memory.
// Not thread-safe: one per worker, merged at the end.
class LatencyHistogram {
 public:
  void record(sluice::Duration latency) {
    ++buckets_[bucket_of(latency.count() < 0 ? 0 : static_cast<uint64_t>(latency.count()))];
    ++count_;
  }

  void merge(const LatencyHistogram& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
  }

  uint64_t count() const { return count_; }

  // The duration that the share `quantile` (0 to 1) of all stays below, rounded up to its bucket.
  sluice::Duration quantile(double quantile) const {
    const auto rank = static_cast<uint64_t>(quantile * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank || (seen == count_ && count_ > 0))
        return sluice::Duration{static_cast<int64_t>(upper_bound(i))};
    }
    return sluice::Duration::zero();
  }

 private:
  // 64 buckets for each power of two from 64 up; below, one per nanosecond.
  static constexpr unsigned fine_bits = 6;
  static constexpr size_t fine = size_t{1} << fine_bits;

  static size_t bucket_of(uint64_t value) {
    if (value < fine) return static_cast<size_t>(value);
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - fine_bits - 1;
    return (shift + 1) * fine + static_cast<size_t>((value >> shift) - fine);
  }
  static uint64_t upper_bound(size_t bucket) {
    if (bucket < fine) return bucket;
    const unsigned shift = static_cast<unsigned>(bucket / fine) - 1;
    return ((fine + bucket % fine + 1) << shift) - 1;
  }

  std::array<uint64_t, 59 * fine> buckets_{};
  uint64_t count_ = 0;
};

}  // namespace payments_cmd
