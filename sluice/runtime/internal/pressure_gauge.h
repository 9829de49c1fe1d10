// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstdint>

#include "sluice/runtime/internal/memory_meter.h"
#include "sluice/runtime/memory.h"

namespace sluice::runtime {

// What readings of the memory in use mean: the level, and when to look again. Pure: time comes from
// the caller.
class PressureGauge {
 public:
  // In percent of the limit. A level is entered at the first and left below the second, so that
  // memory which goes to and fro does not make servers refuse and accept by turns.
  static constexpr uint64_t moderate_at = 80, moderate_until = 75;
  static constexpr uint64_t critical_at = 95, critical_until = 90;

  MemoryPressure update(const MemoryReading& reading, uint64_t now_ns) {
    note_rate(reading, now_ns);
    reading_ = reading;
    if (reading.limit_bytes == 0) return level_ = MemoryPressure::none;
    uint64_t percent = reading.used_bytes / std::max<uint64_t>(reading.limit_bytes / 100, 1);
    bool was_critical = level_ == MemoryPressure::critical;
    bool was_any = level_ != MemoryPressure::none;
    if (percent >= (was_critical ? critical_until : critical_at))
      level_ = MemoryPressure::critical;
    else if (percent >= (was_any ? moderate_until : moderate_at))
      level_ = MemoryPressure::moderate;
    else
      level_ = MemoryPressure::none;
    return level_;
  }

  MemoryPressure level() const { return level_; }

  // So soon that the critical mark cannot be far behind then: in the time that it takes to fill
  // what is left up to it at twice the rate of late, and no less than some CPUs can touch of fresh
  // pages.
  uint64_t next_look_ns() const {
    if (level_ == MemoryPressure::critical) return critical_period_ns;
    uint64_t mark = reading_.limit_bytes / 100 * critical_at;
    uint64_t left = mark > reading_.used_bytes ? mark - reading_.used_bytes : 0;
    uint64_t rate = std::max(2 * bytes_per_second_, fresh_bytes_per_second);
    double ns = static_cast<double>(left) / static_cast<double>(rate) * 1e9;
    return std::clamp(static_cast<uint64_t>(ns), period_min_ns, period_max_ns);
  }

  static constexpr uint64_t period_min_ns = 5'000'000;
  static constexpr uint64_t period_max_ns = 100'000'000;
  static constexpr uint64_t critical_period_ns = 10'000'000;
  static constexpr uint64_t fresh_bytes_per_second = uint64_t{4} << 30;

 private:
  void note_rate(const MemoryReading& reading, uint64_t now_ns) {
    bool known = reading_.limit_bytes != 0 && reading.used_bytes > reading_.used_bytes;
    uint64_t grown = known ? reading.used_bytes - reading_.used_bytes : 0;
    double seconds = static_cast<double>(now_ns - seen_at_ns_) / 1e9;
    seen_at_ns_ = now_ns;
    bytes_per_second_ =
        seconds > 0 ? static_cast<uint64_t>(static_cast<double>(grown) / seconds) : 0;
  }

  MemoryPressure level_ = MemoryPressure::none;
  MemoryReading reading_;
  uint64_t seen_at_ns_ = 0;
  uint64_t bytes_per_second_ = 0;
};

}  // namespace sluice::runtime
