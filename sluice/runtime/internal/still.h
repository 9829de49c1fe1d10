// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "sluice/runtime/internal/g.h"

namespace sluice::runtime {

// What an observer read of a goroutine.
struct Sample {
  static constexpr size_t frames_max = 100;  // Go's tracebackInnerFrames + tracebackOuterFrames

  uint64_t id = 0;
  uint64_t created_by_id = 0;
  const void* created_by = nullptr;
  uint64_t waiting_since = 0;  // of GState::waiting
  GState state = GState::free;
  WaitReason wait_reason = WaitReason::none;
  char label[sizeof G::name] = {};
  bool started = false;   // it has, or had, a stack
  bool complete = false;  // `frames` are all its frames
  size_t count = 0;
  uintptr_t frames[frames_max];  // return addresses
};

enum class Look : uint8_t {
  still,    // the sample is of one moment
  running,  // it is on a thread now
  moved,    // it ran meanwhile, or is on its way to or from a thread: worth another look
  gone,     // nobody's: a free record, a thread's stand-in, a goroutine of an earlier Runtime
};

// Reads a goroutine that does not run, its stack included, without stopping it or anybody.
//
// ## How it is known to have stood still
// A goroutine runs again only through mark_running(), which stores GState::running before the
// switch; and on its way there, or to its end, or to the record's next goroutine, `state` is stored
// to as well. All these are plain stores that ask for nothing. So the observer
//   (1) replaces `waiting` by `waiting_watched` with a compare-and-swap,
//   (2) reads on_cpu: 0 says that the registers are saved (finish_switch; Section and yield() too
//       store their state first and then leave the thread),
//   (3) reads the record and walks the stack,
//   (4) puts `waiting` back with a compare-and-swap.
// If (4) finds its mark, nobody stored to `state` since (1), so the goroutine did not run, its
// stack did not change, and the sample is of one moment. If not, the sample is thrown away; nothing
// is lost, since (1) and (4) replace only what they expect. `runnable` goes the same way.
// The mark serves as a generation that the switch writes already: it costs the observed nothing.
// Two observers would take each other's marks for their own: they exclude each other
// (one_observer), and so nobody else ever stores a mark.
//
// A record that never ran has no stack. It gets one before it is marked as running, but `sp` is
// written before `stack` (prepare_to_run), or the state before both (sluice_goroutine_main): who
// sees the stack sees its sp, or fails at (4).
//
// Whatever the walk reads meanwhile lies in a slot of the stack pool, and is checked to: it stays
// mapped while the process lives. Pages that went back to the kernel read as zeroes.
Look look_at(G* g, Sample* sample);
// Held by who looks, from the first look to the last. A pthread mutex: its holder does not park,
// and who waits for it is a thread in the kernel.
std::mutex& one_observer();

// Reads one of an ended Runtime, which nobody runs any more. False: it is none, or a thread is in
// it yet.
bool look_at_abandoned(const G* g, Sample* sample);

// What can be told without holding it still, of a goroutine that is on a thread: the id is 0 if it
// changed meanwhile.
void read_moving(G* g, Sample* sample);

}  // namespace sluice::runtime
