// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/goroutine_text.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "sluice/debug/internal/stack_groups.h"
#include "sluice/debug/internal/stack_lines.h"
#include "sluice/debug/symbols.h"

namespace sluice::debug {

namespace {

using internal::hex;
using internal::lines_of;
using internal::quoted;
using Line = internal::StackLine;
using runtime::Goroutine;
using runtime::GoroutineDump;
using runtime::GoroutineState;
using runtime::StackTrace;

// Pieces of about this size reach the sink.
constexpr size_t piece_bytes = 32 << 10;

void append_place(std::string& out, const Line& line) {
  out += "\n\t";
  out += line.frame->file.empty() ? "?" : line.frame->file;
  out += ':' + std::to_string(line.frame->line);
  if (!line.frame->inlined && line.entry != 0 && line.address > line.entry)
    out += " +" + hex(line.address - line.entry);
  out += '\n';
}

void append_header(std::string& out, const Goroutine& goroutine) {
  out += "goroutine " + std::to_string(goroutine.id) + " [";
  out += internal::state_text(goroutine);
  if (goroutine.leaked) out += " (leaked)";  // as Go 1.26 has it
  auto minutes = std::chrono::duration_cast<std::chrono::minutes>(goroutine.waiting).count();
  if (minutes >= 1) out += ", " + std::to_string(minutes) + " minutes";
  if (goroutine.label[0] != 0) out += " labels:{\"name\": " + quoted(goroutine.label) + "}";
  out += "]:\n";
}

void append_stack(std::string& out, const GoroutineDump& dump, const Goroutine& goroutine) {
  append_header(out, goroutine);
  for (const Line& line : lines_of(dump.frames(goroutine))) {
    out += line.frame->function + "(...)";
    append_place(out, line);
  }
  if (goroutine.trace == StackTrace::missing)
    out += "\tgoroutine running on other thread; stack unavailable\n";
  if (goroutine.trace == StackTrace::truncated) out += "...additional frames elided...\n";
  if (goroutine.created_by != 0) {
    const CodeLocation& creator = locate(goroutine.created_by);
    Line line{&creator.frames.front(), goroutine.created_by, creator.entry};
    out += "created by " + line.frame->function;
    if (goroutine.created_by_id != 0)
      out += " in goroutine " + std::to_string(goroutine.created_by_id);
    append_place(out, line);
  }
}

void append_group(std::string& out, const GoroutineDump& dump, const internal::StackGroup& group) {
  std::string labels;
  if (group.first->label[0] != 0)
    labels = "# labels: {\"name\":" + quoted(group.first->label) + "}\n";
  internal::append_counted(out, std::to_string(group.count), internal::stack_of(dump, *group.first),
                           labels);
}

// Collects small appends into pieces for the sink.
class Pieces {
 public:
  explicit Pieces(const TextSink& sink) : sink_(sink) {}

  std::string& text() { return text_; }
  bool flush_if_full() { return text_.size() < piece_bytes || flush(); }
  bool flush() {
    bool took = text_.empty() || sink_(text_);
    text_.clear();
    return took;
  }

 private:
  const TextSink& sink_;
  std::string text_;
};

}  // namespace

bool write_stacks(const GoroutineDump& dump, const TextSink& sink) {
  Pieces out(sink);
  bool first = true;
  auto append = [&](const Goroutine& goroutine) {
    if (!std::exchange(first, false)) out.text() += '\n';
    append_stack(out.text(), dump, goroutine);
    return out.flush_if_full();
  };
  for (const Goroutine& goroutine : dump.goroutines)
    if (goroutine.id == dump.self && !append(goroutine)) return false;
  for (const Goroutine& goroutine : dump.goroutines)
    if (goroutine.id != dump.self && !append(goroutine)) return false;
  return out.flush();
}

bool write_stack_counts(const GoroutineDump& dump, const TextSink& sink, std::string_view profile) {
  Pieces out(sink);
  out.text() += profile;
  out.text() += " profile: total " + std::to_string(dump.goroutines.size()) + '\n';
  for (const internal::StackGroup& group : internal::group_stacks(dump, false)) {
    append_group(out.text(), dump, group);
    if (!out.flush_if_full()) return false;
  }
  return out.flush();
}

std::string stack_text(const GoroutineDump& dump, const Goroutine& goroutine) {
  std::string text;
  append_stack(text, dump, goroutine);
  return text;
}

std::string goroutine_stacks() {
  std::string text;
  write_stacks(runtime::capture_goroutines(), [&text](std::string_view piece) {
    text += piece;
    return true;
  });
  return text;
}

}  // namespace sluice::debug
