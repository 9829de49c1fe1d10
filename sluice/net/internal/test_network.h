// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/error.h"
#include "sluice/base/time.h"
#include "sluice/net/simulated_network.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/simulation.h"
#include "sluice/runtime/spin_lock.h"
#include "sluice/runtime/timer.h"

namespace sluice::net::internal {

// Decides for a simulated network in a test, and keeps its notes. Thread-safe.
class TestDecisions : public runtime::Simulation {
 public:
  virtual ~TestDecisions() = default;
  void interleave() override {}
  void wait_for(const runtime::SpinLock&) override {}
  uint64_t random_bits() override { return 0; }
  void refuse(std::string_view) override {}
  bool is_at_a_goroutine() const override { return true; }
  bool may_park() const override { return false; }
  void wait_for_others() override {}
  bool is_point(const volatile void*) const override { return false; }
  uint64_t switches() const override { return 0; }
  void begin_uninterrupted() override {}
  void end_uninterrupted() override {}
  void fail(std::string_view) override {}
  void note(std::string_view what) override {
    std::lock_guard guard(mutex_);
    notes_.emplace_back(what);
  }
  std::vector<std::string> notes() const {
    std::lock_guard guard(mutex_);
    return notes_;
  }
  int notes_with(std::string_view words) const {
    int count = 0;
    for (const std::string& note : notes()) count += note.find(words) != std::string::npos;
    return count;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> notes_;
};

// The next so many faults happen, whatever their rate; all else is harmless. Set while nothing is
// under way.
class ScriptedFaults final : public TestDecisions {
 public:
  // `harmless`: before them, so many that might do not.
  void next(int faults, int harmless = 0) {
    faults_ = faults;
    harmless_ = harmless;
  }
  uint32_t choose(runtime::Decision, uint32_t) override { return 0; }
  bool happens(runtime::Decision, uint32_t) override {
    if (harmless_ > 0) return --harmless_, false;
    return faults_ > 0 && faults_-- > 0;
  }

 private:
  std::atomic<int> faults_{0};
  std::atomic<int> harmless_{0};
};

// Decisions by a seed: splitmix64.
class Dice final : public TestDecisions {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint32_t choose(runtime::Decision, uint32_t count) override { return uint32_t(next() % count); }
  bool happens(runtime::Decision, uint32_t per_million) override {
    return next() % 1'000'000 < per_million;
  }

 private:
  uint64_t next() {
    uint64_t z = state_.fetch_add(0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::atomic<uint64_t> state_;
};

// A time that passes by a step whenever all goroutines wait. A step is more than the timers' grain.
inline constexpr auto test_time_step = std::chrono::milliseconds(10);
inline constinit std::atomic<int64_t> test_time_steps{0};
inline constinit runtime::SpinLock test_time_lock;

// While one lives, time stands still.
class TimeStandsStill {
 public:
  TimeStandsStill() {
    while (!test_time_lock.try_lock()) yield();
  }
  ~TimeStandsStill() { test_time_lock.unlock(); }
  TimeStandsStill(const TimeStandsStill&) = delete;
  TimeStandsStill& operator=(const TimeStandsStill&) = delete;
};

// Returns when nobody else can run and the timers that are due have fired: it comes by one itself.
inline void let_time_pass() {
  Instant before = now();
  if (!test_time_lock.try_lock()) return yield();
  ++test_time_steps;
  test_time_lock.unlock();
  runtime::Timer timer;
  timer.start(
      before, [](void* g, uint64_t) { runtime::ready(static_cast<runtime::G*>(g)); },
      runtime::current(), 0);
  runtime::park(runtime::WaitReason::sleep);
}

// Runs `body` as a goroutine in that time: its minutes are milliseconds, however busy the system.
template <class Body>
void in_test_time(Body body) {
  static constexpr sluice::internal::ClockSource clock{
      [] { return Instant(test_time_steps.load() * test_time_step); },
      [] { return std::chrono::system_clock::time_point(); }};
  sluice::internal::set_clock_source(&clock);
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([&] {
      std::atomic<bool> ended{false};
      go([&] {
        body();
        ended = true;
      });
      while (!ended) let_time_pass();
    });
  }
  sluice::internal::set_clock_source(nullptr);
}

// The system's number for it, or 0.
inline int errno_of(const Error& error) {
  const Errno* cause = as<Errno>(error);
  return cause == nullptr ? 0 : cause->value;
}

}  // namespace sluice::net::internal
