// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sluice/base/time.h"
#include "sluice/debug/goroutine_text.h"
#include "sluice/runtime/goroutines.h"

namespace sluice::debug {

// How many goroutines are parked, by who created them and where they wait, and how many functions
// given to after_func() wait, by who gave them: at one moment, to compare a later one with.
class LeakBaseline {
 public:
  // As it is now. Needs a Runtime.
  static LeakBaseline take();

  size_t parked(uintptr_t created_by, uintptr_t place) const;
  size_t funcs(uintptr_t created_by) const;
  Instant taken() const { return taken_; }

 private:
  std::map<std::pair<uintptr_t, uintptr_t>, size_t> parked_;
  std::map<uintptr_t, size_t> funcs_;
  Instant taken_{};
};

// Goroutines that one place in the program created, parked at another.
struct LeakSuspect {
  const runtime::Goroutine* longest = nullptr;  // who waits longest, in LeakReport::dump
  size_t count = 0;
  size_t grown = 0;  // since the baseline; without one, all
};

struct LeakReport {
  LeakReport() = default;
  LeakReport(LeakReport&&) = default;  // and no copies: suspects point into `dump`
  LeakReport& operator=(LeakReport&&) = default;

  // Every goroutine; those that are proved to be leaked are marked so.
  runtime::GoroutineDump dump;
  size_t proved = 0;
  std::string incomplete;  // runtime::LeakProof's
  Duration stopped{};      // likewise
  bool has_baseline = false;
  Duration since_baseline{};
  // Others that may be: they have waited for a time, and there are more of them than there were.
  // The ones that grew most come first, then those who wait longest.
  std::vector<LeakSuspect> suspects;
  // The same for functions given to after_func(): who gave them, how many wait, how many more.
  struct Funcs {
    uintptr_t created_by;
    size_t count;
    size_t grown;
  };
  std::vector<Funcs> funcs;
};

// Looks for leaks: first those that runtime::prove_leaks() proves, which says what it costs. Of the
// rest those are suspects that have waited for `older_than`, and, given a baseline, whose creator
// and place have more now. A suspect may be perfectly well: an idle pool, say.
LeakReport find_leaks(const LeakBaseline* baseline = nullptr,
                      Duration older_than = std::chrono::minutes(1));

// The report as text. debug=2: the stack of each that is proved, then one of each kind of suspect,
// under a line that begins with '#'. debug=1: equal stacks of the proved ones counted, then the
// same. Returns false if the sink did.
bool write_leaks(const LeakReport& report, const TextSink& sink);
bool write_leak_counts(const LeakReport& report, const TextSink& sink);

// Those that are proved, for `go tool pprof`.
std::string leak_profile(const LeakReport& report);

}  // namespace sluice::debug
