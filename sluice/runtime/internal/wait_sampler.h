// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice::runtime {

// Draws from events that one P sees, about one each `spacing` however many there are, and all while
// there are fewer: what a draw costs (two readings of the clock, a walk up the stack) stays below a
// thousandth of a CPU, and an event that is not drawn costs a decrement.
//
// Each drawn one counts for all since the one before, so the sums are right on the average, of the
// events as of their durations. How many are skipped follows the rate and varies at random around
// that, lest it beat with whatever alternates.
// Rejected: Go's way (SetBlockProfileRate), which reads the clock twice for every event to draw by
// duration, and is therefore off unless somebody thought of it beforehand.
class WaitSampler {
 public:
  static constexpr uint64_t spacing_ns = 1'000'000;
  static constexpr uint32_t interval_max = 1 << 20;
  static constexpr uint32_t weight_max = interval_max + interval_max / 4;

  // Whether this event is drawn; then draw() must follow.
  [[gnu::always_inline]] bool pass() { return --left_ == 0; }

  // For how many events the drawn one counts.
  uint32_t draw(uint64_t now_ns);

  // Draws no more.
  void stop() { left_ = UINT32_MAX; }

 private:
  uint32_t left_ = 1;    // until the next is drawn
  uint32_t weight_ = 1;  // of that one
  uint64_t drawn_at_ = 0;
};

}  // namespace sluice::runtime
