// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <ucontext.h>

#include <cstdint>

#include "sluice/runtime/internal/raw_stack.h"

namespace sluice::runtime {

// Where a thread was when a signal came. Async-signal-safe.
inline UnwindRegisters interrupted_registers(const void* signal_context) {
  const mcontext_t& machine = static_cast<const ucontext_t*>(signal_context)->uc_mcontext;
#if defined(__x86_64__)
  return {.pc = static_cast<uintptr_t>(machine.gregs[REG_RIP]),
          .sp = static_cast<uintptr_t>(machine.gregs[REG_RSP]),
          .frame_pointer = static_cast<uintptr_t>(machine.gregs[REG_RBP])};
#else
  return {.pc = machine.pc,
          .sp = machine.sp,
          .frame_pointer = machine.regs[29],
          .return_address = machine.regs[30]};
#endif
}

}  // namespace sluice::runtime
