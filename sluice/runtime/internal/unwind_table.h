// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>

namespace sluice::runtime {

// What the compiler's unwind tables (.eh_frame: DWARF 5 6.4, LSB 5 10.6) say about the frame at an
// instruction. The CFA is the value that the stack pointer had before the call. Offsets are from
// it.
struct FrameRule {
  enum class Base : uint8_t { stack_pointer, frame_pointer };

  Base cfa_base = Base::stack_pointer;
  intptr_t cfa_offset = 0;
  uintptr_t function = 0;                     // where the table's entry begins; 0: there is none
  std::optional<intptr_t> return_address_at;  // none: it is in its register (aarch64)
  std::optional<intptr_t> frame_pointer_at;   // none: the caller's is still in its register
};

// Nothing when there is no table for that code, or it says something that is not of this form.
// Async-signal-unsafe: it asks the loader.
std::optional<FrameRule> frame_rule(uintptr_t pc);

}  // namespace sluice::runtime
