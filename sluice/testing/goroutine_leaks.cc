// SPDX-License-Identifier: Apache-2.0

#include "sluice/testing/goroutine_leaks.h"

#include <algorithm>
#include <cctype>
#include <span>
#include <string_view>
#include <utility>

#include "sluice/context/waiting_funcs.h"
#include "sluice/debug/goroutine_text.h"
#include "sluice/debug/symbols.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/leaks.h"

namespace sluice::testing {

namespace {

using runtime::Goroutine;
using runtime::GoroutineDump;

constexpr Duration pause_min = std::chrono::microseconds(100);
constexpr Duration pause_max = std::chrono::milliseconds(20);
// So many looks that found the same before it is asked whether they can be woken at all.
constexpr int same_looks = 8;

bool holds(const std::vector<uint64_t>& ids, uint64_t id) {
  return std::binary_search(ids.begin(), ids.end(), id);
}

// Whether `function` is `name` or inside of it.
bool is_of(std::string_view function, std::string_view name) {
  if (!function.starts_with(name)) return false;
  if (function.size() == name.size()) return true;
  char next = function[name.size()];
  return next != '_' && std::isalnum(static_cast<unsigned char>(next)) == 0;
}

bool is_of_any(std::string_view function, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return is_of(function, name); });
}

bool names_any(uintptr_t address, const std::vector<std::string>& names) {
  if (names.empty() || address == 0) return false;
  const auto& frames = debug::locate(address).frames;
  return std::any_of(frames.begin(), frames.end(), [&](const debug::SourceFrame& frame) {
    return is_of_any(frame.function, names);
  });
}

bool is_of_sluice(std::string_view function) {
  return function.starts_with("sluice::") || function.starts_with("sluice_");
}

// The innermost function that is not sluice's; empty: all are. Of an inlined function the bare name
// may be all that is known (local ones; with -g1, all): the function that it is in stands for it.
std::string_view top_function(std::span<const uintptr_t> stack) {
  for (uintptr_t address : stack) {
    const auto& frames = debug::locate(address).frames;
    if (is_of_sluice(frames.back().function)) continue;
    for (const debug::SourceFrame& frame : frames)
      if (&frame == &frames.back() ||
          (frame.function.contains("::") && !is_of_sluice(frame.function)))
        return frame.function;
  }
  return {};
}

}  // namespace

// One check.
class LeakSearch {
 public:
  LeakSearch(const LeakBaseline& baseline, const LeakOptions& options)
      : baseline_(baseline), options_(options) {}

  std::string run() {
    Instant deadline = now() + options_.grace_;
    Duration pause = pause_min;
    std::vector<uint64_t> last;
    int same = 0;
    for (;;) {
      look();
      if (alive_.empty() && abandoned_.empty() && funcs_.empty()) return "";
      if (alive_.empty() && funcs_.empty()) break;  // those of ended Runtimes stay
      same = alive_ == last ? same + 1 : 0;
      last = alive_;
      if (same == same_looks && funcs_.empty() && none_can_be_woken()) break;
      if (now() >= deadline) break;
      sleep_for(pause);
      pause = std::min(pause * 2, pause_max);
    }
    return describe();
  }

 private:
  void look() {
    alive_.clear();
    abandoned_.clear();
    funcs_.clear();
    dump_ = runtime::capture_goroutines();
    for (const Goroutine& goroutine : dump_.goroutines)
      if (goroutine.id != dump_.self && !holds(baseline_.goroutines_, goroutine.id) &&
          !is_ignored(dump_, goroutine))
        alive_.push_back(goroutine.id);
    if (baseline_.taken_) abandoned_dump_ = runtime::capture_abandoned();
    for (const Goroutine& goroutine : abandoned_dump_.goroutines)
      if (!holds(baseline_.goroutines_, goroutine.id) && !is_ignored(abandoned_dump_, goroutine))
        abandoned_.push_back(goroutine.id);
    for (const WaitingFunc& func : waiting_funcs())
      if (!holds(baseline_.funcs_, func.id) && !names_any(func.created_by, options_.creators_))
        funcs_.push_back(func);
  }

  bool is_ignored(const GoroutineDump& dump, const Goroutine& goroutine) const {
    if (names_any(goroutine.created_by, options_.creators_)) return true;
    std::span<const uintptr_t> frames = dump.frames(goroutine);
    auto any = [this](uintptr_t address) { return names_any(address, options_.anywhere_); };
    if (std::any_of(frames.begin(), frames.end(), any)) return true;
    return !options_.top_.empty() && is_of_any(top_function(frames), options_.top_);
  }

  bool none_can_be_woken() {
    proved_ = runtime::prove_leaks().goroutines;
    return std::all_of(alive_.begin(), alive_.end(),
                       [this](uint64_t id) { return holds(proved_, id); });
  }

  void describe_all(const GoroutineDump& dump, const std::vector<uint64_t>& ids,
                    std::string_view note) {
    for (Goroutine goroutine : dump.goroutines) {
      if (!holds(ids, goroutine.id)) continue;
      goroutine.leaked = holds(proved_, goroutine.id);
      text_ += note;
      text_ += debug::stack_text(dump, goroutine) + '\n';
    }
  }

  std::string describe() {
    size_t count = alive_.size() + abandoned_.size();
    if (count != 0)
      text_ += std::to_string(count) +
               (count == 1 ? " goroutine has not ended:\n\n" : " goroutines have not ended:\n\n");
    describe_all(dump_, alive_, "");
    describe_all(abandoned_dump_, abandoned_, "its Runtime has ended:\n");
    for (const WaitingFunc& func : funcs_) {
      const debug::SourceFrame& frame = debug::locate(func.created_by).frames.front();
      text_ += "a function given to after_func() neither ran nor was stopped\ngiven by " +
               frame.function + "\n\t" + (frame.file.empty() ? "?" : frame.file) + ':' +
               std::to_string(frame.line) + "\n\n";
    }
    return std::move(text_);
  }

  const LeakBaseline& baseline_;
  const LeakOptions& options_;
  GoroutineDump dump_;
  GoroutineDump abandoned_dump_;
  std::vector<uint64_t> alive_;      // ids of dump_
  std::vector<uint64_t> abandoned_;  // ids of abandoned_dump_
  std::vector<WaitingFunc> funcs_;
  std::vector<uint64_t> proved_;  // ascending
  std::string text_;

  friend class LeakBaseline;
};

LeakBaseline LeakBaseline::take() {
  LeakBaseline baseline;
  baseline.taken_ = true;
  GoroutineDump dump = runtime::capture_goroutines();
  for (const Goroutine& goroutine : dump.goroutines)
    if (goroutine.id != dump.self) baseline.goroutines_.push_back(goroutine.id);
  for (const Goroutine& goroutine : runtime::capture_abandoned().goroutines)
    baseline.goroutines_.push_back(goroutine.id);
  std::sort(baseline.goroutines_.begin(), baseline.goroutines_.end());
  for (const WaitingFunc& func : waiting_funcs()) baseline.funcs_.push_back(func.id);
  return baseline;
}

std::string describe_leaks(const LeakBaseline& baseline, const LeakOptions& options) {
  return LeakSearch(baseline, options).run();
}

}  // namespace sluice::testing
