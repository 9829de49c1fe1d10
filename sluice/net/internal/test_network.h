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
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/simulation.h"

namespace sluice::net::internal {

// Decides for a simulated network in a test, and keeps its notes. Thread-safe.
class TestDecisions : public runtime::Simulation {
 public:
  virtual ~TestDecisions() = default;
  void interleave() override {}
  void wait_for(const runtime::SpinLock&) override {}
  uint64_t random_bits() override { return 0; }
  void refuse(std::string_view) override {}
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

// The next so many faults happen, whatever their rate; the rest is harmless.
class ScriptedFaults final : public TestDecisions {
 public:
  void next(int faults) { left_ = faults; }
  uint32_t choose(runtime::Decision, uint32_t) override { return 0; }
  bool happens(runtime::Decision, uint32_t) override {
    int left = left_.load();
    while (left > 0)
      if (left_.compare_exchange_weak(left, left - 1)) return true;
    return false;
  }

 private:
  std::atomic<int> left_{0};
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

// Runs `body` as a goroutine while time passes a thousand times as fast, for waits of minutes.
// Another goroutine keeps the processor from sleeping, which is done in real time.
template <class Body>
void in_fast_time(Body body) {
  static const Instant begin = now();
  static constexpr sluice::internal::ClockSource fast{
      [] {
        timespec time;
        ::clock_gettime(CLOCK_MONOTONIC, &time);
        Instant real{std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)};
        return begin + (real - begin) * 1000;
      },
      [] { return std::chrono::system_clock::time_point(); }};
  sluice::internal::set_clock_source(&fast);
  {
    Runtime runtime{{.max_procs = 1}};
    std::atomic<bool> ended{false};
    runtime.block_on([&] {
      go([&] {
        while (!ended) yield();
      });
      body();
      ended = true;
      yield();
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
