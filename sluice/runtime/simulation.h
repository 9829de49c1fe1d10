// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "sluice/base/result.h"

namespace sluice::runtime {

class SpinLock;

// What a simulation decides, for whoever reads its trace.
enum class Decision : uint8_t {
  goroutine,  // who goes on
  pick,       // one of several that are as good: a select's case
  latency,    // how long something takes
  fault,      // whether something fails
};

// The seam of deterministic simulation: one thread on which everything that could come out in
// different ways is asked for here. While one is installed there is no other scheduler.
//
// Every decision has a harmless outcome, 0 or false: it is what happens without a simulation, and
// what a failing run is shrunk to. To be called from the simulation's own thread.
class Simulation {
 public:
  // Whether the calling thread is at a simulated goroutine's own code: not at the scheduler's,
  // which runs on its stack, too, and not another thread.
  virtual bool is_at_a_goroutine() const = 0;
  // Besides, nothing keeps it from parking: it is in no section, and may be interrupted.
  virtual bool may_park() const = 0;
  // Others may go first, as if they ran on another processor. In a section the caller keeps its
  // own; elsewhere it may have another one afterwards.
  virtual void interleave() = 0;
  // Returns when `lock` may be free; its holder is somebody who was interleaved.
  virtual void wait_for(const SpinLock& lock) = 0;
  // The same for whoever waits awake for something else that somebody else is to do.
  virtual void wait_for_others() = 0;
  // Until the matching end() nobody gets in between. They nest.
  virtual void begin_uninterrupted() = 0;
  virtual void end_uninterrupted() = 0;
  // Whether the caller may be interrupted before it touches `word`: it may not while nobody is to
  // get in between, nor where the scheduler itself is at work, on its own words.
  virtual bool is_point(const volatile void* word) const = 0;
  // So many times somebody else went on; while it is the same, nobody else did anything.
  virtual uint64_t switches() const = 0;
  // One of `count` possibilities; `count` is not 0.
  virtual uint32_t choose(Decision kind, uint32_t count) = 0;
  // True so many times in a million, where faults are on at all.
  virtual bool happens(Decision kind, uint32_t per_million) = 0;
  // From the seed; nothing that is shrunk depends on them.
  virtual uint64_t random_bits() = 0;
  // A line of the trace: what just happened, in words that are the same in every run of this seed:
  // no addresses, no descriptors of the system, no real time.
  virtual void note(std::string_view what) = 0;
  // The program reached for what is not simulated: the run ends as failed, and names it.
  virtual void refuse(std::string_view what) = 0;
  // What is being tested does not hold: the run ends as failed. Does not return.
  virtual void fail(std::string_view what) = 0;

 protected:
  ~Simulation() = default;
};

namespace internal {
extern constinit std::atomic<Simulation*> current_simulation;
}

// Null, always, but in a simulation.
inline Simulation* simulation() {
  // Relaxed: it is installed and removed while no other thread of the scheduler exists.
  return internal::current_simulation.load(std::memory_order_relaxed);
}

// A point at which another goroutine may get in between. To be called by whoever is about to touch
// what goroutines share, before the first touch, and never by who must not be interrupted there.
// Nothing but a load and a branch without a simulation. Nothing at all in code whose every atomic
// operation is a point (simulation/instrumented.h): one follows.
#ifdef SLUICE_ATOMICS_ARE_POINTS
[[gnu::always_inline]] inline void interleave() {}
#else
inline void interleave() {
  if (Simulation* current = simulation()) [[unlikely]]
    current->interleave();
}
#endif

// While it lives no other simulated goroutine runs, so nobody may wait for one. For what makes a
// function's static variable: who comes upon it half made would wait for its own thread.
class Uninterrupted {
 public:
  Uninterrupted() {
    if (Simulation* current = simulation()) [[unlikely]]
      current->begin_uninterrupted();
  }
  ~Uninterrupted() {
    if (Simulation* current = simulation()) [[unlikely]]
      current->end_uninterrupted();
  }
  Uninterrupted(const Uninterrupted&) = delete;
  Uninterrupted& operator=(const Uninterrupted&) = delete;
};

// Descriptors that the kernel does not know: a simulated network's. PollDesc::open() asks the
// source for those from first_simulated_fd up. Works with every scheduler, simulated or not.
inline constexpr int first_simulated_fd = 1 << 30;
class DescriptorSource {
 public:
  // From now on report_ready(tag, ...) is to be called whenever a direction becomes ready, and at
  // once if one is; as epoll does it, edge-triggered. Errors: whatever open() is to fail with.
  virtual Result<void> watch(int fd, uint64_t tag) = 0;
  virtual void unwatch(int fd) = 0;

 protected:
  ~DescriptorSource() = default;
};
// Null takes it away. While it is installed no other may be.
void set_descriptor_source(DescriptorSource* source);
// Wakes who waits for it; remembered where nobody does. `hung_up`: the peer will send no more.
// Never blocks; any goroutine or thread, timer callbacks too, with no SpinLock held.
void report_ready(uint64_t tag, bool read, bool write, bool hung_up);

}  // namespace sluice::runtime
