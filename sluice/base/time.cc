// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/time.h"

#include <time.h>

#include <atomic>
#include <optional>

#include "sluice/base/internal/cycle_clock.h"

namespace sluice {
namespace {

constinit std::atomic<const internal::ClockSource*> clock_source{nullptr};

Duration system_time(clockid_t clock) {
  timespec time;
  ::clock_gettime(clock, &time);  // cannot fail: both clocks exist and the address is ours
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

constinit internal::CycleClock cycle_clock;

// No anchor covers the moment: a new one is due, or there can be none.
[[gnu::noinline]] Instant settle() {
  if (!internal::cycle_counter_usable()) return Instant(system_time(CLOCK_MONOTONIC));
  // The kernel reads its counter somewhere in the middle. A pair that was torn apart, because the
  // thread was descheduled in between, would be off by half of that, and stay off for a while.
  constexpr uint64_t together = 4096;  // cycles, 1 to 2 µs: the reading takes 100 to 300
  constexpr int tries = 3;
  int64_t ns = 0;
  uint64_t after = 0;
  for (int i = 0; i < tries; ++i) {
    uint64_t before = internal::cycle_counter();
    ns = system_time(CLOCK_MONOTONIC).count();
    after = internal::cycle_counter();
    if (after - before <= together)
      return Instant(Duration(cycle_clock.settle(before + (after - before) / 2, ns)));
  }
  return Instant(Duration(cycle_clock.not_before(after, ns)));
}

}  // namespace

Instant now() noexcept {
  // Acquire: pairs with the release in set_clock_source, so that the source's contents are seen.
  if (const auto* source = clock_source.load(std::memory_order_acquire)) [[unlikely]]
    return source->now();
  if (std::optional<int64_t> ns = cycle_clock.read(internal::cycle_counter())) [[likely]]
    return Instant(Duration(*ns));
  return settle();
}

std::chrono::system_clock::time_point wall() noexcept {
  if (const auto* source = clock_source.load(std::memory_order_acquire)) [[unlikely]]
    return source->wall();
  return std::chrono::system_clock::time_point(system_time(CLOCK_REALTIME));
}

namespace internal {

void set_clock_source(const ClockSource* source) {
  clock_source.store(source, std::memory_order_release);
}

}  // namespace internal
}  // namespace sluice
