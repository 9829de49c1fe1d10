// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/trace_survey.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "sluice/debug/symbols.h"

namespace sluice::debug::internal {

using runtime::Event;
using runtime::EventKind;
using runtime::GoroutineStatus;
using runtime::WaitReason;

namespace {

// No goroutine has 16 million turns in the memory of a recording.
uint64_t flow_id(uint64_t g, uint32_t turn) { return g << 24 | (turn & 0xffffff); }

TraceSurvey::State from_status(const Event& event) {
  switch (static_cast<GoroutineStatus>(event.detail & 0xff)) {
    case GoroutineStatus::waiting:
      return TraceSurvey::State::waiting;
    case GoroutineStatus::runnable:
      return TraceSurvey::State::runnable;
    case GoroutineStatus::running:
      break;
  }
  bool without_p = event.p < 0 && event.turn != 0;
  return without_p ? TraceSurvey::State::without_p : TraceSurvey::State::running;
}

// What the first event of a goroutine says of its state before it.
TraceSurvey::State state_before(const Event& event) {
  switch (event.kind) {
    case EventKind::created:
      return TraceSurvey::State::absent;
    case EventKind::status:
      return from_status(event);
    case EventKind::ready:
      return TraceSurvey::State::waiting;
    case EventKind::started:
    case EventKind::stole:
      return TraceSurvey::State::runnable;
    case EventKind::requeued:
    case EventKind::processor_started:
      return TraceSurvey::State::without_p;
    default:
      return TraceSurvey::State::running;
  }
}

// Without what stands in brackets: "app::serve(int)::{lambda()#1}::operator" is "app::serve".
std::string brief(std::string_view function) {
  std::string text;
  int depth = 0;
  for (char c : function) {
    if (c == '(' || c == '{' || c == '<') ++depth;
    if (depth == 0) text += c;
    if (c == ')' || c == '}' || c == '>') depth = std::max(depth - 1, 0);
  }
  size_t empty;
  while ((empty = text.find("::::")) != std::string::npos) text.erase(empty, 2);
  for (std::string_view tail : {"operator", "::"})
    if (text.ends_with(tail)) text.resize(text.size() - tail.size());
  if (text.starts_with("::")) text.erase(0, 2);
  return text;
}

std::string describe_place(uint64_t place) {
  const std::vector<SourceFrame>& frames = locate(place).frames;
  std::string text = brief(frames.front().function);
  // Of a lambda that was inlined only "operator()" is known; what it was inlined into has a name.
  if (text.empty() || !text.contains("::")) text = brief(frames.back().function);
  if (frames.front().line != 0) text += ":" + std::to_string(frames.front().line);
  return text;
}

}  // namespace

void TraceSurvey::add(const Event& event) {
  if (event.g != 0) add_goroutine(event);
  add_threads(event);
  if (event.kind == EventKind::ready || event.kind == EventKind::created)
    begun_.push_back(flow_id(event.g, event.turn));
  if (event.kind == EventKind::started) ended_.push_back(flow_id(event.g, event.turn));
}

void TraceSurvey::add_goroutine(const Event& event) {
  Goroutine& goroutine = goroutines_[event.g];
  if (!goroutine.seen) {
    goroutine.seen = true;
    goroutine.state = state_before(event);
    if (event.kind == EventKind::status)
      goroutine.reason = static_cast<WaitReason>(event.detail >> 8);
    if (goroutine.state == State::running) goroutine.p = event.p;
    goroutine.m = event.kind == EventKind::status ? event.turn - 1 : event.m;
    if (event.kind == EventKind::processor_stopped || event.kind == EventKind::processor_taken ||
        event.kind == EventKind::processor_started)
      goroutine.m = static_cast<uint32_t>(event.a);
  }
  if (event.kind == EventKind::created || event.kind == EventKind::status) {
    goroutine.created_by = event.a;
    goroutine.place = event.b;
  }
  if (event.kind == EventKind::named) goroutine.label = event.text;
}

// The first event of a thread says what it did before.
void TraceSurvey::add_threads(const Event& event) {
  bool other = event.kind == EventKind::processor_started ||
               event.kind == EventKind::processor_stopped ||
               event.kind == EventKind::processor_taken;
  uint32_t m = other ? static_cast<uint32_t>(event.a) : event.m;
  if (m == Event::no_thread) return;
  Thread& thread = threads_[m];
  if (thread.seen) return;
  thread.seen = true;
  if (event.kind != EventKind::processor_started) thread.p = event.p;
}

void TraceSurvey::finish() {
  std::sort(begun_.begin(), begun_.end());
  std::sort(ended_.begin(), ended_.end());
  std::set_intersection(begun_.begin(), begun_.end(), ended_.begin(), ended_.end(),
                        std::back_inserter(flows_));
  begun_ = ended_ = {};
  find_families();
}

void TraceSurvey::find_families() {
  std::unordered_map<uint64_t, std::string> places{{0, ""}};
  std::unordered_map<std::string, size_t> known;
  for (auto& [id, goroutine] : goroutines_) {
    std::string name = goroutine.label;
    if (name.empty()) {
      auto [at, fresh] = places.try_emplace(goroutine.place);
      if (fresh) at->second = describe_place(goroutine.place);
      name = at->second;
    }
    auto [at, fresh] = known.try_emplace(name, families_.size());
    if (fresh) families_.push_back({name});
    goroutine.family = at->second;
    ++families_[at->second].members;
  }
}

uint64_t TraceSurvey::flow(uint64_t g, uint32_t turn) const {
  uint64_t id = flow_id(g, turn);
  return std::binary_search(flows_.begin(), flows_.end(), id) ? id : 0;
}

}  // namespace sluice::debug::internal
