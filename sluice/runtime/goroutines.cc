// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/goroutines.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_set>

#include "sluice/runtime/internal/observe.h"
#include "sluice/runtime/internal/on_thread.h"
#include "sluice/runtime/internal/pools.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/internal/stack_walk.h"
#include "sluice/runtime/internal/still.h"

namespace sluice::runtime {

namespace {

// A goroutine that keeps coming and going is looked at so often in a row; each look is some hundred
// nanoseconds, a switch less.
constexpr int looks_max = 100;
// Rounds over those that did not hold still or were on a thread; in between others get the CPU.
constexpr int rounds_max = 5;

GoroutineState public_state(GState state) {
  switch (state) {
    case GState::waiting:
      return GoroutineState::waiting;
    case GState::runnable:
      return GoroutineState::runnable;
    default:
      return GoroutineState::running;
  }
}

StackTrace trace_of(const Sample& sample) {
  if (!sample.started) return StackTrace::not_begun;
  if (sample.count == 0) return StackTrace::missing;
  return sample.complete ? StackTrace::complete : StackTrace::truncated;
}

class Capture {
 public:
  GoroutineDump abandoned() {
    visit_records(
        [](G* g, void* self) {
          Capture& capture = *static_cast<Capture*>(self);
          if (look_at_abandoned(g, &capture.sample_)) capture.add(capture.sample_);
        },
        this);
    return in_order();
  }

  GoroutineDump run() {
    visit_records([](G* g, void* self) { static_cast<Capture*>(self)->first_look(g); }, this);
    for (int round = 0; round < rounds_max && !unresolved_.empty(); ++round) {
      if (round != 0) ::sched_yield();
      std::erase_if(unresolved_, [this](G* g) { return resolve(g); });
      look_on_threads(round + 1 == rounds_max);
    }
    for (G* g : unresolved_) give_up(g);
    return in_order();
  }

 private:
  GoroutineDump in_order() {
    std::sort(dump_.goroutines.begin(), dump_.goroutines.end(),
              [](const Goroutine& a, const Goroutine& b) { return a.id < b.id; });
    return std::move(dump_);
  }

  void first_look(G* g) {
    if (!resolve(g)) unresolved_.push_back(g);
  }

  // Whether nothing is left to be said about g.
  bool resolve(G* g) {
    for (int i = 0; i < looks_max; ++i) {
      switch (look_at(g, &sample_)) {
        case Look::still:
          add(sample_);
          return true;
        case Look::gone:
          return true;
        case Look::running:
          if (is_self(g)) {
            add_self(g);
            return true;
          }
          return false;
        case Look::moved:
          break;
      }
    }
    return false;
  }

  // A goroutine that keeps coming and going may be in two answers.
  void look_on_threads(bool last) {
    if (unresolved_.empty()) return;
    std::unordered_set<G*> wanted(unresolved_.begin(), unresolved_.end());
    for (const OnThread::Found& found : on_thread_.look(wanted, last)) {
      if (found.sample.id == 0 || wanted.erase(found.g) == 0) continue;
      add(found.sample);
      if (found.blocked) dump_.goroutines.back().state = GoroutineState::syscall;
    }
    std::erase_if(unresolved_, [&](G* g) { return !wanted.contains(g); });
  }

  static bool is_self(G* g) {
    M* m = current_m();
    return m != nullptr && m->g == g;
  }

  void add_self(G* g) {
    read_moving(g, &sample_);
    Walk walk = walk_frames(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)),
                            stack_pool->bounds(g->stack.slot), sample_.frames);
    sample_.count = walk.count;
    sample_.complete = walk.complete;
    dump_.self = sample_.id;
    add(sample_);
  }

  void give_up(G* g) {
    read_moving(g, &sample_);
    if (sample_.id != 0) add(sample_);
  }

  void add(const Sample& sample) {
    Goroutine& goroutine = dump_.goroutines.emplace_back();
    goroutine.id = sample.id;
    goroutine.state = public_state(sample.state);
    goroutine.trace = trace_of(sample);
    if (sample.state == GState::waiting) {
      goroutine.wait_reason = sample.wait_reason;
      if (now_ > sample.waiting_since && sample.waiting_since != 0)
        goroutine.waiting = Duration(static_cast<int64_t>(now_ - sample.waiting_since));
    }
    std::memcpy(goroutine.label, sample.label, sizeof goroutine.label);
    goroutine.created_by_id = sample.created_by_id;
    goroutine.created_by = reinterpret_cast<uintptr_t>(sample.created_by);
    goroutine.frames_begin = dump_.addresses.size();
    goroutine.frames_count = sample.count;
    dump_.addresses.insert(dump_.addresses.end(), sample.frames, sample.frames + sample.count);
  }

  uint64_t now_ = now_ns();
  std::vector<G*> unresolved_;
  OnThread on_thread_;
  GoroutineDump dump_;
  Sample sample_;
};

}  // namespace

GoroutineDump capture_goroutines() {
  std::lock_guard lock(one_observer());
  if (!sched.started.load(std::memory_order_acquire)) return {};
  return Capture().run();
}

GoroutineDump capture_abandoned() {
  std::lock_guard lock(one_observer());
  return stack_pool == nullptr ? GoroutineDump() : Capture().abandoned();
}

}  // namespace sluice::runtime
