// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
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
  // Of an allocation, from whoever asked for memory: without operator new and its hook, and without
  // those functions of the standard library that lead there. If there are no others, these are
  // shown.
  no_allocator,
};

// A stack in source frames, innermost first.
std::vector<StackLine> lines_of(std::span<const uintptr_t> stack,
                                Frames frames = Frames::no_scheduler);

// A stack as debug=1 shows it: " @ 0x2b 0x51" and a line's end, behind what was counted; then a
// line for each source frame, and an empty one.
void append_addresses(std::string& out, std::span<const uintptr_t> stack);
void append_lines(std::string& out, std::span<const uintptr_t> stack,
                  Frames frames = Frames::no_scheduler);

// Both, behind `numbers`; in between `labels`, which are a line or nothing.
void append_counted(std::string& out, std::string_view numbers, std::span<const uintptr_t> stack,
                    std::string_view labels, Frames frames = Frames::no_scheduler);

}  // namespace sluice::debug::internal
