// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sluice/debug/symbols.h"

namespace sluice::debug::internal {

// "0x2b"
std::string hex(uintptr_t value);

// A source frame of a stack.
struct StackLine {
  const SourceFrame* frame;
  uintptr_t address;  // the return address
  uintptr_t entry;    // of the function that is there; 0: not known
};

enum class Frames : uint8_t {
  all,
  // Without the scheduler's own: the switch, park() and what starts a goroutine are the same in all
  // stacks of goroutines that wait. If there are no others, these are shown.
  no_scheduler,
};

// A stack in source frames, innermost first.
std::vector<StackLine> lines_of(std::span<const uintptr_t> stack,
                                Frames frames = Frames::no_scheduler);

}  // namespace sluice::debug::internal
