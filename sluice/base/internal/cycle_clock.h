// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

namespace sluice::internal {

// CLOCK_MONOTONIC by the processor's cycle counter: 12 ns instead of the vDSO's 30, whose read of
// the counter is a serialising one, and which converts more. A timeout is a reading of the clock, a
// list insertion and a removal, so the reading is the half that can be saved.
//
// Between anchors, pairs of (cycles, ns) taken together, time is extrapolated; an anchor serves for
// `span` cycles (5 ms at 3 GHz), then somebody takes the next one. The rate is measured between the
// anchors themselves, so frequency steering of the kernel's clock (NTP) is followed.
//
// A reading is never behind an earlier one: an anchor that finds the extrapolation ahead of the
// kernel's clock starts from the extrapolation and goes slower, by at most a thousandth, until the
// lead is gone. Between threads the counter may be read a few tens of ns before the instructions
// that precede it (no fence; Abseil's and brpc's clocks do the same).
// Thread-safety: read() anywhere, also in signal handlers; it never waits.
class CycleClock {
 public:
  static constexpr uint64_t span = uint64_t{1} << 24;

  // The time at `cycles`; nullopt when no anchor covers it: then ask the kernel's clock and pass
  // what it says through settle().
  std::optional<int64_t> read(uint64_t cycles) const {
    // Acquire pairs with publish(): the anchor's words are seen.
    uint64_t number = newest_.load(std::memory_order_acquire);
    const Anchor& anchor = anchors_[number % anchor_count];
    uint64_t since = cycles - anchor.cycles.load(std::memory_order_relaxed);
    int64_t base = anchor.ns.load(std::memory_order_relaxed);
    uint64_t rate = anchor.rate.load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    // An anchor is written again three anchors later at the earliest; who was held up for so long
    // in the lines above may have read a mixture.
    if (since > span || newest_.load(std::memory_order_relaxed) - number > 1) [[unlikely]]
      return std::nullopt;
    return base + static_cast<int64_t>(since * rate >> 32);
  }

  // `cycles` and `ns` of the kernel's clock, read together: makes them the next anchor unless
  // another thread is doing so. Returns the time to report: `ns`, or what readers may have seen
  // already if that is later.
  int64_t settle(uint64_t cycles, int64_t ns);

  // The same without an anchor, for a pair that was not read together: `ns`, or what readers may
  // have seen by `cycles` already if that is later.
  int64_t not_before(uint64_t cycles, int64_t ns) const {
    int64_t given = latest_given(cycles);
    return ns > given ? ns : given;
  }

 private:
  static constexpr int anchor_count = 4;

  struct Anchor {
    std::atomic<uint64_t> cycles{uint64_t{1} << 63};  // at first: further away than any span
    std::atomic<int64_t> ns{0};
    std::atomic<uint64_t> rate{0};  // ns per 2^32 cycles
  };

  int64_t latest_given(uint64_t cycles) const;
  void publish(uint64_t cycles, int64_t ns, uint64_t rate);

  std::atomic<uint64_t> newest_{0};
  Anchor anchors_[anchor_count];
  std::atomic<bool> settling_{false};  // guards what follows, and publish()
  uint64_t base_cycles_ = 0;           // where the rate is measured from; 0: nothing yet
  int64_t base_ns_ = 0;
  uint64_t rate_ = 0;
};

// The kernel's clock says what the counter may be trusted with. False where the counter does not
// count at one rate on all processors (no invariant TSC, or the kernel's clock is another source).
bool cycle_counter_usable();
uint64_t cycle_counter();

}  // namespace sluice::internal
