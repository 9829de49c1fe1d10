// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/internal/cycle_clock.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace sluice::internal {

namespace {

// Rates are measured over at least so many cycles, and afresh after a second.
constexpr uint64_t rate_cycles_min = uint64_t{1} << 25;
constexpr int64_t rate_ns_max = 1'000'000'000;
// The most by which a clock that leads goes slower: one part in so many.
constexpr uint64_t slew = 1000;

uint64_t rate_of(uint64_t cycles, int64_t ns) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(ns) << 32) / cycles);
}

}  // namespace

// The latest that read() may have said so far, by the newest anchor.
int64_t CycleClock::latest_given(uint64_t cycles) const {
  const Anchor& anchor = anchors_[newest_.load(std::memory_order_acquire) % anchor_count];
  int64_t since = static_cast<int64_t>(cycles - anchor.cycles.load(std::memory_order_relaxed));
  uint64_t counted = static_cast<uint64_t>(std::clamp<int64_t>(since, 0, span));
  uint64_t rate = anchor.rate.load(std::memory_order_relaxed);
  return anchor.ns.load(std::memory_order_relaxed) + static_cast<int64_t>(counted * rate >> 32);
}

void CycleClock::publish(uint64_t cycles, int64_t ns, uint64_t rate) {
  uint64_t number = newest_.load(std::memory_order_relaxed) + 1;
  Anchor& anchor = anchors_[number % anchor_count];
  // Readers of the number before see a mixture only if they are two anchors late, and notice.
  std::atomic_thread_fence(std::memory_order_release);
  anchor.cycles.store(cycles, std::memory_order_relaxed);
  anchor.ns.store(ns, std::memory_order_relaxed);
  anchor.rate.store(rate, std::memory_order_relaxed);
  newest_.store(number, std::memory_order_release);
}

int64_t CycleClock::settle(uint64_t cycles, int64_t ns) {
  int64_t now = not_before(cycles, ns);
  if (settling_.exchange(true, std::memory_order_acquire)) return now;
  now = not_before(cycles, ns);  // by the newest anchor, now that it stands still
  if (base_cycles_ == 0) {
    base_cycles_ = cycles;
    base_ns_ = ns;
  } else if (cycles > base_cycles_ && cycles - base_cycles_ >= rate_cycles_min && ns > base_ns_) {
    rate_ = rate_of(cycles - base_cycles_, ns - base_ns_);
    if (ns - base_ns_ > rate_ns_max) {
      base_cycles_ = cycles;
      base_ns_ = ns;
    }
  }
  if (rate_ != 0) {
    uint64_t rate = rate_;
    if (uint64_t lead = static_cast<uint64_t>(now - ns); lead != 0)
      rate -= std::min(rate / slew, rate_of(span, static_cast<int64_t>(lead)));
    publish(cycles, now, rate);
  }
  settling_.store(false, std::memory_order_release);
  return now;
}

#if defined(__x86_64__)

uint64_t cycle_counter() { return __rdtsc(); }

bool cycle_counter_usable() {
  enum : int { unknown, no, yes };
  static constinit std::atomic<int> known{unknown};
  if (int answer = known.load(std::memory_order_relaxed); answer != unknown) return answer == yes;
  unsigned a = 0, b = 0, c = 0, d = 0;
  // AMD64 APM vol. 2, 13.2.4 / Intel SDM 18.17.4: invariant TSC.
  bool invariant = __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 1u << 8) != 0;
  char source[16] = {};
  // What the kernel itself found synchronised between processors (kernel/time/clocksource.c).
  if (FILE* file =
          std::fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re")) {
    if (std::fgets(source, sizeof source, file) == nullptr) source[0] = 0;
    std::fclose(file);
  }
  bool usable = invariant && std::strcmp(source, "tsc\n") == 0;
  known.store(usable ? yes : no, std::memory_order_relaxed);
  return usable;
}

#else

uint64_t cycle_counter() { return 0; }
bool cycle_counter_usable() { return false; }

#endif

}  // namespace sluice::internal
