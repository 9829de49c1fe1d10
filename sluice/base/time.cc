// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/time.h"

#include <time.h>

#include <atomic>

namespace sluice {
namespace {

constinit std::atomic<const internal::ClockSource*> clock_source{nullptr};

Duration system_time(clockid_t clock) {
  timespec time;
  ::clock_gettime(clock, &time);  // cannot fail: both clocks exist and the address is ours
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Instant now() noexcept {
  // Acquire: pairs with the release in set_clock_source, so that the source's contents are seen.
  if (const auto* source = clock_source.load(std::memory_order_acquire)) [[unlikely]]
    return source->now();
  return Instant(system_time(CLOCK_MONOTONIC));
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
