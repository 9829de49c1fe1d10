// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice::runtime {

struct G;
struct P;

// Why a goroutine becomes runnable.
enum class Passed : uint8_t {
  readied,   // it was parked
  polled,    // the same, and its descriptor became ready
  spawned,   // it is new
  yielded,   // it ran
  requeued,  // it ran without a P
};

// How long goroutines are runnable before they run: a histogram estimated from a sample. Go
// measures one in 8 (gTrackingPeriod). Here one in `dense` is drawn while a P makes few of them
// runnable, one in `sparse` while it makes many; each counts for all since the one before.
//
// The one that is drawn carries the moment in G::waiting_since and its weight in G::sampled,
// wherever it is moved to, and whoever runs it counts it. So a push pays a decrement and a run a
// test of a word in a cache line that it has. What is drawn costs two readings of the clock and
// two branches that nobody foresaw: one in 127 of all was measured to be 5 to 8 % of a yield.
// Rejected: drawing by P::tick, which beats with whatever alternates (a bind and a switch are two
// ticks); drawing by time, which finds the first of each burst and never the others; looking from
// sysmon, which sees nothing shorter than its period.
struct LatencySampler {
  // Primes, for the same reason as the scheduler's 61.
  static constexpr uint16_t dense = 17;
  static constexpr uint16_t sparse = 1021;
  // More than so many in a second are many.
  static constexpr uint64_t many = 20'000;

  // G::sampled of one that is not measured, for whose start an event is to be recorded.
  static constexpr uint16_t recorded = 0x8000;

  uint32_t left = 1;      // until the next is drawn; 1 while events are recorded (event_log.h)
  uint16_t interval = 1;  // of which it is the last
  uint64_t drawn_at = 0;  // ns

  // `g` becomes runnable, and is about to be queued.
  [[gnu::always_inline]] void pass(G* g, Passed why) {
    if (--left == 0) [[unlikely]]
      draw(g, why);
  }

  // The next to pass is drawn, and counts for those since the last one.
  void draw_next() {
    interval = static_cast<uint16_t>(interval - (left - 1));
    left = 1;
  }

 private:
  void draw(G* g, Passed why);
};

// The upper bounds of the buckets; what took longer is in one more.
inline constexpr uint64_t latency_bounds_ns[] = {
    100,         200,           500,           1'000,         2'000,
    5'000,       10'000,        20'000,        50'000,        100'000,
    200'000,     500'000,       1'000'000,     2'000'000,     5'000'000,
    10'000'000,  20'000'000,    50'000'000,    100'000'000,   200'000'000,
    500'000'000, 1'000'000'000, 2'000'000'000, 5'000'000'000, 10'000'000'000};
inline constexpr size_t latency_buckets = sizeof latency_bounds_ns / sizeof *latency_bounds_ns + 1;

// Those that ran on one P. Written by its owner only, read by observers at any time.
struct LatencyCells {
  std::atomic<uint64_t> counts[latency_buckets];
  std::atomic<uint64_t> sum_ns{0};

  void add(uint64_t ns, uint64_t weight);
};

// `g`, whose `sampled` is set, runs now on `p`, whose region the caller is in.
void note_start(P* p, G* g);

}  // namespace sluice::runtime
