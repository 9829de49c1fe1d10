// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>

#include "sluice/runtime/internal/m.h"
#include "sluice/runtime/internal/raw_stack.h"

namespace sluice::runtime {

// What a thread says of the goroutine on it.
struct Answer {
  enum State : uint32_t { idle, asked, answering, answered };
  std::atomic<uint32_t> state{idle};

  // Written by the thread while `answering`, to be read when `answered`.
  G* g = nullptr;  // null: it is in the scheduler's own context, or between two goroutines
  Sample sample;   // without the stack
  RawStack raw;
};

// Interrupts threads that execute goroutines, and has each describe its own.
//
// The signal is SIGURG, for Go's reasons (runtime/signal_unix.go, sigPreempt): nobody uses it, its
// default is to be ignored, debuggers let it pass, libc does not know it, and one that comes for
// no reason is harmless. A handler that was there before is called for those that are not ours. A
// program that handles SIGURG itself after the first dump gets no stacks of executing goroutines.
// The handler runs on the thread's alternate stack, reads `M::g` and that goroutine's bounds, and
// copies what is inside them only if the interrupted sp lies there: within the switch it does not,
// for some instructions, and then the answer is that there is no goroutine now. It unwinds nothing:
// whoever asked does.
// The handler is installed with SA_RESTART, and a thread is asked only when the kernel says that it
// executes: so a call that sleeps is not interrupted, unless it begins between that look and the
// signal. Then read, write, accept, flock and wait resume by themselves; nanosleep, usleep, poll,
// select, epoll_wait, and sockets with SO_RCVTIMEO or SO_SNDTIMEO return EINTR (signal(7)).
// One caller at a time. Under ThreadSanitizer, which delivers signals late, it asks nobody.
class Interrupter {
 public:
  // Asks all of `threads`, and waits until they have answered or a moment has passed.
  void ask(std::span<M* const> threads);
  // What m has answered to the last ask(); null: nothing.
  const Answer* answer_of(M* m) const;
};

// Installs the handler, which stop_world.h uses too. Idempotent.
void install_interrupts();

}  // namespace sluice::runtime
