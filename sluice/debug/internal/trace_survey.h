// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sluice/runtime/events.h"

namespace sluice::debug::internal {

// What must be known of a recording before the first event of it is written: how everything stood
// when it began, what goroutines are called, which arrows have both ends.
class TraceSurvey {
 public:
  enum class State : uint8_t { absent, waiting, runnable, running, without_p };
  struct Goroutine {
    State state = State::absent;                             // when the recording began
    runtime::WaitReason reason = runtime::WaitReason::none;  // if it is known what it waited for
    int p = -1;                                              // on which it ran then; -1: unknown
    uint32_t m = runtime::Event::no_thread;
    bool seen = false;
    uint64_t created_by = 0;  // 0: unknown, or a thread
    uint64_t place = 0;       // return address of go(); 0: unknown
    std::string label;        // the last that it had
    size_t family = 0;        // which of families(), after finish()
  };
  // Goroutines that are called the same.
  struct Family {
    std::string name;  // "worker", "app::serve:131": a label, or who started it, and where; or ""
    size_t members = 0;
  };
  struct Thread {
    int p = -1;  // which it had when the recording began
    bool seen = false;
  };

  // Every event, in their order, then finish().
  void add(const runtime::Event& event);
  void finish();

  const std::map<uint64_t, Goroutine>& goroutines() const { return goroutines_; }
  const std::map<uint32_t, Thread>& threads() const { return threads_; }
  const std::vector<Family>& families() const { return families_; }
  // The arrow to this turn of g; 0: it has one end only.
  uint64_t flow(uint64_t g, uint32_t turn) const;

 private:
  void add_goroutine(const runtime::Event& event);
  void add_threads(const runtime::Event& event);
  void find_families();

  std::map<uint64_t, Goroutine> goroutines_;
  std::map<uint32_t, Thread> threads_;
  std::vector<Family> families_;
  std::vector<uint64_t> begun_;
  std::vector<uint64_t> ended_;
  std::vector<uint64_t> flows_;  // sorted
};

}  // namespace sluice::debug::internal
