// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/time.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/simulation.h"

namespace sluice::runtime {

// Takes a simulated run's decisions. Called on whatever stack asks, also a goroutine's, and must
// neither park nor call back into the runtime.
class Decider {
 public:
  // At a point where the running goroutine could go on: whether next() is to be asked at all.
  virtual bool looks() = 0;
  // Who goes on: an index into `ids`, which are in ascending order. `current` is the index of who
  // has run until now, or ids.size() if it cannot go on; `yields`: it asks for others to go first.
  virtual size_t next(std::span<const uint64_t> ids, size_t current, bool yields) = 0;
  virtual uint32_t choose(Decision kind, uint32_t count) = 0;
  virtual bool happens(Decision kind, uint32_t per_million) = 0;
  virtual uint64_t random_bits() = 0;
  // What was decided and what came of it, in order: for traces. `goroutine` runs on from here.
  virtual void switched(uint64_t goroutine, std::string_view label, Instant when) = 0;
  virtual void noted(uint64_t goroutine, Instant when, std::string_view what) = 0;

 protected:
  ~Decider() = default;
};

// Within Decider::switched(): return addresses of whoever ran before, innermost first. Returns how
// many; 0: it has ended.
size_t capture_left_stack(std::span<uintptr_t> out);

struct SimulatedRun {
  // Goroutines in a section of the runtime at once: what processors are to a Runtime.
  int processors = 4;
  size_t stack_bytes = 0;  // as RuntimeOptions::stack_bytes
  // A run that takes more points than this does not end.
  uint64_t steps_max = 1'000'000;
  // What each point takes of the simulated time.
  Duration step{1000};
  // So many switches in a million find a machine that is busy with others for a while.
  uint32_t stalls_per_million = 0;
  Duration stall_max = std::chrono::milliseconds(10);
};

enum class RunEnd : uint8_t {
  finished,    // and every goroutine has ended
  left_over,   // the first goroutine ended, and others wait for what cannot come
  deadlocked,  // the first goroutine waits for what cannot come
  endless,     // more than steps_max
  refused,     // it reached for what is not simulated
  panicked,    // a goroutine's uncaught exception
  failed,      // Simulation::fail()
};

// A goroutine that did not end.
struct Unfinished {
  uint64_t id = 0;
  uint64_t created_by_id = 0;
  uintptr_t created_by = 0;  // return address into the creator
  bool runs = false;         // it could go on
  WaitReason wait_reason = WaitReason::none;
  std::string label;
  std::vector<uintptr_t> frames;  // return addresses, innermost first
};

// The number of the goroutine that runs timers' callbacks; the first one is number 1.
inline constexpr uint64_t timers_goroutine = 2;

struct RunOutcome {
  RunEnd end = RunEnd::finished;
  std::string message;     // of refused, panicked and failed
  uint64_t goroutine = 0;  // whose
  uint64_t steps = 0;      // points at which others could have got in between
  uint64_t switches = 0;
  uint64_t goroutines = 0;  // started
  Duration simulated{};
  std::vector<Unfinished> unfinished;
};

// Runs `body` as the first goroutine of a scheduler of its own, on this thread alone: goroutines
// run one at a time, `decider` says which, and between two of them only at points: on entering the
// runtime, before a SpinLock is taken, and wherever runtime::interleave() is called. Time stands
// still but for a moment per step, and goes on to the next timer when nobody can run.
//
// Returns when all goroutines have ended or none can go on. The latter are abandoned as by
// ~Runtime: their stacks are not unwound. Call it from a thread that is no goroutine, while no
// Runtime exists; other threads must not touch goroutines meanwhile.
// A decider that decides alike gives the same run: the n-th goroutine that is started is number n,
// and the clocks begin at the same moment.
RunOutcome run_simulated(const SimulatedRun& run, Decider& decider, void (*body)(void* context),
                         void* context);

}  // namespace sluice::runtime
