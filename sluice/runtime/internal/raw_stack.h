// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sluice/runtime/internal/stack_pool.h"
#include "sluice/runtime/internal/still.h"

namespace sluice::runtime {

// The registers that an unwinder needs; 0 where one is not known.
struct UnwindRegisters {
  uintptr_t pc = 0;
  uintptr_t sp = 0;
  uintptr_t frame_pointer = 0;
  uintptr_t return_address = 0;  // aarch64's x30
};

// A copy of a stack that was stopped at any instruction, where a function may have no frame record
// yet, no more, or never: libraries are built without frame pointers, and compilers leave them out
// on paths that call nobody. It is copied where it is stopped, and unwound afterwards.
class RawStack {
 public:
  // Copies from sp upwards, inside `bounds`, 64 KiB at most. Async-signal-safe.
  void copy(const UnwindRegisters& registers, StackBounds bounds);
  // The same of a stack whose bounds are not known: as far as there is memory above sp. The kernel
  // copies it (process_vm_readv), since it alone can tell.
  void copy_mapped(const UnwindRegisters& registers);

  // Unwinds it into `sample`, by the compiler's tables (unwind_table.h); by frame pointers where
  // code has none. Where the frame pointer is needed and not known, the lowest frame record above
  // sp is taken that leads to the goroutine's root and returns to behind a call of the function
  // that it is searched for: a record that an earlier call left there may then add a frame.
  void unwind(Sample* sample) const;
  uintptr_t pc() const { return registers_.pc; }

 private:
  // 0: not copied. Goroutines have no 0 where addresses stand.
  uintptr_t word(uintptr_t address) const;
  uintptr_t find_record(uintptr_t sp, uintptr_t function) const;
  bool leads_to_root(uintptr_t frame) const;
  bool step(UnwindRegisters* registers, bool innermost) const;

  static constexpr size_t words_max = 8192;

  UnwindRegisters registers_;
  size_t word_count_ = 0;
  std::array<uintptr_t, words_max> words_;
};

}  // namespace sluice::runtime
