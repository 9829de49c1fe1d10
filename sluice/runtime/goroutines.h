// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sluice/base/time.h"
#include "sluice/runtime/park.h"

namespace sluice::runtime {

enum class GoroutineState : uint8_t {
  runnable,  // waits for a processor
  running,   // on a thread
  syscall,   // on a thread that is blocked in the kernel
  waiting,   // parked
};

enum class StackTrace : uint8_t {
  complete,   // down to the goroutine's root
  truncated,  // deeper than is kept, or a caller has no frame pointer
  not_begun,  // it never ran: it has no stack
  missing,    // it did not hold still, or its thread did not answer
};

// One live goroutine, as it was at a moment of its own during the capture.
struct Goroutine {
  uint64_t id = 0;
  GoroutineState state = GoroutineState::running;
  StackTrace trace = StackTrace::missing;
  WaitReason wait_reason = WaitReason::none;  // of one that waits
  Duration waiting{};                         // how long; to about 10 ms
  char label[24] = {};                        // set_goroutine_name's
  uint64_t created_by_id = 0;                 // 0: by a thread that is no goroutine
  uintptr_t created_by = 0;                   // return address into the creator
  bool leaked = false;                        // set by who knows: nothing can wake it (leaks.h)
  size_t frames_begin = 0;                    // its part of GoroutineDump::addresses
  size_t frames_count = 0;
};

// All goroutines of the Runtime that live, by id.
struct GoroutineDump {
  std::vector<Goroutine> goroutines;
  std::vector<uintptr_t> addresses;
  uint64_t self = 0;  // the id of the goroutine that took it; 0: a thread that is none

  // Return addresses, innermost first. Where a goroutine was interrupted, that address plus one, so
  // that `address - 1` is always in the instruction that the frame is at.
  std::span<const uintptr_t> frames(const Goroutine& goroutine) const {
    return std::span(addresses).subspan(goroutine.frames_begin, goroutine.frames_count);
  }
};

// Looks at every goroutine and its stack. Nobody is stopped: goroutines that start or end meanwhile
// may be missing or present, and two goroutines are seen at two moments; each one's own record and
// stack are of one moment (internal/still.h says how that is known).
// Callable from goroutines and threads while a Runtime exists; one capture at a time, others wait.
// Frames of goroutines that wait come from the chain of frame pointers (-fno-omit-frame-pointer).
// A goroutine that executes is interrupted by SIGURG (internal/interrupt.h says which calls see it,
// should one begin just then); one that is blocked in the kernel is not. How long the capture takes
// depends on how soon threads that execute get a CPU to answer: after 50 ms it goes on without.
GoroutineDump capture_goroutines();

// Those that were alive when their Runtime ended: they never run again, and stay as they were.
GoroutineDump capture_abandoned();

// Who prints every goroutine's stack to standard error when the runtime ends the process for a
// deadlock; at first somebody who knows addresses only. `print_all` runs on a thread that is no
// goroutine.
void print_stacks_with(void (*print_all)());

// Who shows every goroutine's stack when one of them ends the process: by an exception that nobody
// catches, a stack that overflows, an access to memory that is not there. Its own stack is on
// standard error by then. `show` is called on that goroutine's thread, maybe in a signal handler,
// maybe while the thread has malloc's locks: it must have the work done by another thread, and
// return when that is over, or after a while. At first there is nobody.
void show_stacks_on_crash_with(void (*show)());

// Says that the calling thread makes no goroutine runnable as long as it lives: an observer's. The
// runtime takes every other thread that it does not know for one that may (see
// RuntimeOptions::fatal_deadlock).
void wakes_nobody();

}  // namespace sluice::runtime
