// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/stack_lines.h"

#include <algorithm>
#include <cstdio>

namespace sluice::debug::internal {

namespace {

// Of a local function that was inlined, the debug information has the bare name: so the file
// counts, too.
bool is_scheduler(const StackLine& line) {
  const SourceFrame& frame = *line.frame;
  return frame.function.starts_with("sluice::runtime::") ||
         frame.function.starts_with("sluice_goroutine_") || frame.function == "sluice_switch" ||
         frame.file.contains("sluice/runtime/internal/");
}

}  // namespace

std::string hex(uintptr_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::vector<StackLine> lines_of(std::span<const uintptr_t> stack, Frames frames) {
  std::vector<StackLine> lines;
  for (uintptr_t address : stack) {
    const CodeLocation& location = locate(address);
    for (const SourceFrame& frame : location.frames)
      lines.push_back({&frame, address, location.entry});
  }
  if (frames == Frames::no_scheduler && !std::all_of(lines.begin(), lines.end(), is_scheduler))
    std::erase_if(lines, is_scheduler);
  return lines;
}

}  // namespace sluice::debug::internal
