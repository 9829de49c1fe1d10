// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <exception>

#include "sluice/runtime/internal/g.h"

namespace sluice::runtime {

// Runs g's closure and hands an exception that leaves it to `handler`.
void run_with_handler(G* g, void (*handler)(std::exception_ptr));

// Installs the terminate handler and the handler for stack overflows; keeps what was there before.
void install_fault_handlers();
// Gives the calling thread an alternate signal stack, which the overflow handler needs.
void install_signal_stack();

// Writes "goroutine N [name]:" and the calling stack to standard error. Allocates nothing.
void print_goroutine_stack(G* g);

}  // namespace sluice::runtime
