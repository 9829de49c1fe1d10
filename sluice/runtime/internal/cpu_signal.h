// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "sluice/base/result.h"
#include "sluice/runtime/internal/raw_stack.h"

namespace sluice::runtime {

// What a thread was at when SIGPROF came.
struct CpuShot {
  Sample sample;    // of the goroutine, without the stack; the id is 0: none, or in between two
  uint64_t weight;  // in periods: more than one if the signal came late
  RawStack raw;
};

// The handler of SIGPROF, and what it keeps for a reader.
//
// Any thread may be interrupted at any instruction: in the middle of a switch, in malloc, in a
// thread that ends. The handler takes no lock, calls no library, and reads
//   - what belongs to its own thread (M, its goroutine's record);
//   - the stack that sp lies in. If that is a slot of the stack pool it is read directly: slots
//     stay mapped. It may be the stack of a goroutine that the thread has marked as its next, or as
//     its last: the record that names the slot tells whose it is, or none does, and then nobody's.
//     Other stacks, of threads and of signal handlers, are copied by the kernel, which alone knows
//     where they end.
// It unwinds nothing: the reader does, by the compiler's tables (raw_stack.h), so that functions
// without frame pointers, as the C library is made of, have callers. What it copies goes into one
// of a fixed number of slots, claimed by a compare-and-swap; if the reader is late and there is
// none, the shot is counted and lost.
//
// The handler stays installed after the first use, since a late signal would end the process
// (signal(7)). SIGPROF of others is handed to the handler that was there before. Calls that a
// signal interrupts resume (SA_RESTART), but for those that signal(7) lists, like nanosleep, poll
// and epoll_wait, which return EINTR: that needs a thread that goes to sleep in the very moment in
// which its period ends, since a sleeping one uses no CPU.
// Under ThreadSanitizer signals wait until the thread calls something that it intercepts: shots
// are then of no known moment, and maybe of another thread's stack.

// Shots are taken from now on. One user at a time. Errors: resource_exhausted: no memory for them.
Result<void> begin_shots();
// No shot is taken after it has returned; those that were can still be visited.
void end_shots();

// Calls `visit` with each shot that was taken since the last call. One caller at a time.
void visit_shots(void (*visit)(const CpuShot& shot, void* argument), void* argument);
// Where they are kept, with copies of stacks that are no more; empty: nowhere yet.
StackBounds cpu_shots();
// Signals since begin_shots(), and those of them that found no room.
uint64_t attempted_shots();
uint64_t lost_shots();

}  // namespace sluice::runtime
