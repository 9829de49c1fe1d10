// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/timeline.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <span>

#include "sluice/debug/symbols.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/simulated_scheduler.h"

namespace sluice::simulation::internal {

namespace {

constexpr uint32_t events_before = 6;
constexpr uint32_t lines_at_each_end = 120;

// Of a stack: the call into sluice that the program was in, how far it had come, and where it was
// made.
struct Place {
  std::string call;
  std::string line;    // "file:line"
  std::string caller;  // "function file:line"
};

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// A frame of sluice's own, which does not say what the program was at. Tests are programs.
bool is_inside(const debug::SourceFrame& frame) {
  if (frame.file.ends_with("_test.cc") || frame.file.ends_with("_programs.cc")) return false;
  if (frame.file.find("/include/c++/") != std::string::npos) return true;
  for (std::string_view package : {"base", "runtime", "chan", "context", "sync", "run", "net",
                                   "http", "sqlite", "simulation", "telemetry"})
    if (frame.file.find("sluice/" + std::string(package) + "/") != std::string::npos) return true;
  return frame.file.empty() && frame.function.starts_with("sluice::");
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// "ns::Type::member", without what is long and says little: templates' arguments, parameters.
std::string short_name(std::string function) {
  replace_all(function, "(anonymous namespace)::", "");
  bool is_call = function.ends_with("operator()");
  std::string name;
  int depth = 0;
  for (char each : function) {
    bool opens = each == '<' || each == '(';
    if (opens) ++depth;
    if (depth == 0) name += each;
    if (!opens && (each == '>' || each == ')') && depth > 0) --depth;
  }
  if (is_call) name += "()";
  // "f::{lambda#2}::operator()"
  if (size_t lambda = name.rfind("::{lambda"); lambda != std::string::npos && is_call)
    name = name.substr(0, lambda) + "'s lambda";
  return name.starts_with("sluice::") ? name.substr(8) : name;
}

bool is_scheduler(const debug::SourceFrame& frame) {
  return frame.file.find("sluice/simulation/") != std::string::npos ||
         frame.file.find("sluice/runtime/internal/") != std::string::npos ||
         frame.function.starts_with("sluice::runtime::");
}

std::string line_of(const debug::SourceFrame& frame) {
  return std::string(base_name(frame.file)) + ':' + std::to_string(frame.line);
}

Place place_of(std::span<const uintptr_t> stack) {
  Place place;
  for (uintptr_t address : stack)
    for (const debug::SourceFrame& frame : debug::locate(address).frames) {
      if (is_inside(frame)) {
        if (is_scheduler(frame) || !frame.function.starts_with("sluice::")) continue;
        if (place.line.empty() && !frame.file.empty()) place.line = line_of(frame);
        place.call = short_name(frame.function);
        continue;
      }
      place.caller = short_name(frame.function);
      if (!frame.file.empty()) place.caller += ' ' + line_of(frame);
      return place;
    }
  return place;
}

std::string in_words(const Place& place) {
  std::string call = place.call.empty() ? "" : " in " + place.call;
  if (!place.line.empty()) call += " (" + place.line + ')';
  if (place.caller.empty()) return call;
  return call.empty() ? " at " + place.caller : call + ", called by " + place.caller;
}

std::string moment(uint64_t ns) {
  char text[40];
  std::snprintf(text, sizeof text, "%6llu.%09llu s ",
                static_cast<unsigned long long>(ns / 1000000000),
                static_cast<unsigned long long>(ns % 1000000000));
  return text;
}

}  // namespace

std::string named(uint64_t goroutine, std::string_view label) {
  if (goroutine == runtime::timers_goroutine) return "the timers";
  std::string name = "goroutine " + std::to_string(goroutine);
  if (!label.empty()) name += " (" + std::string(label) + ')';
  return name;
}

std::string where_left(const SharedRun::Event& event) {
  return in_words(place_of(std::span(event.frames, event.frame_count)));
}

namespace {

// Remembers labels: an event tells that of who goes on only.
class Lines {
 public:
  explicit Lines(const SharedRun& run) : run_(run) {}

  std::string next(const SharedRun::Event& event) {
    std::string line = event.departure ? "> " : "  ";
    line += moment(event.when);
    if (event.text_size != 0)
      return line + name(event.goroutine) + ": " + std::string(run_.text_of(event));
    bool timers = event.left == runtime::timers_goroutine;
    if (event.left != 0 && event.frame_count == 0)
      line += name(event.left) + " has ended; ";
    else if (event.left != 0)
      line += name(event.left) + (timers ? " stop" : " stops" + where_left(event)) + "; ";
    labels_[event.goroutine] = event.label;
    return line + name(event.goroutine) +
           (event.goroutine == runtime::timers_goroutine ? " go on" : " goes on");
  }

 private:
  std::string name(uint64_t goroutine) { return named(goroutine, labels_[goroutine]); }

  const SharedRun& run_;
  std::map<uint64_t, std::string_view> labels_;
};

}  // namespace

std::string timeline(const SharedRun& run) {
  uint32_t first = 0;
  while (first < run.event_count && !run.events[first].departure) ++first;
  if (first == run.event_count) first = 0;
  first = first > events_before ? first - events_before : 0;
  uint32_t count = run.event_count - first;
  Lines lines(run);
  for (uint32_t i = 0; i < first; ++i) lines.next(run.events[i]);
  std::string text;
  if (first != 0) text += "  (" + std::to_string(first) + " events before)\n";
  for (uint32_t i = 0; i < count; ++i) {
    if (count > 2 * lines_at_each_end && i == lines_at_each_end) {
      uint32_t skipped = count - 2 * lines_at_each_end;
      text += "  (" + std::to_string(skipped) + " events left out)\n";
      i += skipped;
    }
    text += lines.next(run.events[first + i]) + '\n';
  }
  if (run.event_count == SharedRun::events_max) text += "  (what follows was not recorded)\n";
  return text;
}

std::string unfinished(const SharedRun& run) {
  std::string text;
  for (uint32_t i = 0; i < run.unfinished_count; ++i) {
    const SharedRun::Goroutine& each = run.unfinished[i];
    text += "  " + named(each.id, each.label) + " [";
    text += each.runs ? "could go on"
                      : runtime::name(static_cast<runtime::WaitReason>(each.wait_reason));
    text += ']';
    if (each.frame_count == 0)
      text += " has not begun";
    else
      text += in_words(place_of(std::span(each.frames, each.frame_count)));
    if (each.created_by != 0) {
      Place creator = place_of(std::span(&each.created_by, 1));
      if (!creator.caller.empty())
        text += ", created by " + creator.caller + " in " + named(each.created_by_id, {});
    }
    text += '\n';
  }
  if (run.unfinished_count == SharedRun::unfinished_max) text += "  and maybe others\n";
  return text;
}

}  // namespace sluice::simulation::internal
