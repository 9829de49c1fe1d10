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

// A name that begins with two underlines is the implementation's: a sanitizer's, mostly.
bool is_allocator(const StackLine& line) {
  const SourceFrame& frame = *line.frame;
  return frame.function.starts_with("operator new") || frame.function.starts_with("std::") ||
         frame.function.starts_with("__") || frame.function.starts_with("sluice::heap::") ||
         frame.file.contains("sluice/heap/internal/") || frame.file.contains("/include/c++/");
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
  if (frames == Frames::no_allocator) {
    auto first = std::ranges::find_if_not(lines, is_allocator);
    if (first != lines.end()) lines.erase(lines.begin(), first);
  }
  return lines;
}

void append_addresses(std::string& out, std::span<const uintptr_t> stack) {
  out += " @";
  for (uintptr_t address : stack) out += ' ' + hex(address);
  out += '\n';
}

void append_lines(std::string& out, std::span<const uintptr_t> stack, Frames frames) {
  for (const StackLine& line : lines_of(stack, frames)) {
    out += "#\t" + hex(line.address - 1) + '\t' + line.frame->function;
    if (line.entry != 0) out += '+' + hex(line.address - 1 - line.entry);
    out += "\t\t" + (line.frame->file.empty() ? std::string("?") : line.frame->file);
    out += ':' + std::to_string(line.frame->line) + '\n';
  }
  out += '\n';
}

void append_counted(std::string& out, std::string_view numbers, std::span<const uintptr_t> stack,
                    std::string_view labels, Frames frames) {
  out += numbers;
  append_addresses(out, stack);
  out += labels;
  append_lines(out, stack, frames);
}

}  // namespace sluice::debug::internal
