// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace sluice::runtime {

struct G;
struct P;

// How long goroutines are runnable before they run: a histogram of one in `latency_sample_every`
// of them, those that are made runnable by now. Go does the same for one in 8 (gTrackingPeriod).
//
// The one that is drawn carries the moment in G::waiting_since and G::sampled, wherever it is moved
// to, and whoever runs it counts it. So a push pays a decrement and a run a test of a byte in a
// cache line that it has; the clock is read twice for each that is drawn.
// Rejected: drawing by P::tick, which beats with whatever alternates (a bind and a switch are two
// ticks); drawing by time, which finds the first of each burst and never the others; looking from
// sysmon, which sees nothing shorter than its period.
// A prime, for the same reason as the scheduler's 61.
constexpr uint32_t latency_sample_every = 127;

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

  void add(uint64_t ns);
};

// `g` becomes runnable now and is one of those to be measured.
void draw_sample(G* g);
// `g`, which was drawn, runs now on `p`, whose region the caller is in.
void count_sample(P* p, G* g);

}  // namespace sluice::runtime
