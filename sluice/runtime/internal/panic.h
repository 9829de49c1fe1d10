// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <signal.h>

#include <cstddef>
#include <exception>

#include "sluice/runtime/internal/g.h"

namespace sluice::runtime {

// Runs g's closure and hands an exception that leaves it to `handler`.
void run_with_handler(G* g, void (*handler)(std::exception_ptr));

// Installs the terminate handler and the handler for stack overflows; keeps what was there before.
void install_fault_handlers();

// The calling thread's alternate signal stack, which the overflow handler needs. Without memory for
// it there is none: an overflow is then reported by the kernel alone.
class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr size_t bytes = 64 << 10;

  void* memory_;
  stack_t previous_ = {};
};

// Writes "goroutine N [name]:" and the calling stack to standard error. Allocates nothing.
void print_goroutine_stack(G* g);

}  // namespace sluice::runtime
