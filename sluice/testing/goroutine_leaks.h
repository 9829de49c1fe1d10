// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/base/time.h"

namespace sluice::testing {

// Which goroutines a leak check overlooks, and how long it waits for the others.
// Functions are named as in stacks ("app::Poller::run"); a name also means what is inside of it:
// its lambdas and, of a namespace or class, its members.
class LeakOptions {
 public:
  // Those with that function anywhere on their stack; that wait in it, where sluice's own functions
  // do not count; that were created by it, which also goes for functions given to after_func().
  LeakOptions& ignore_function(std::string name) { return add(anywhere_, std::move(name)); }
  LeakOptions& ignore_top_function(std::string name) { return add(top_, std::move(name)); }
  LeakOptions& ignore_created_by(std::string name) { return add(creators_, std::move(name)); }
  // How long goroutines have to end. It decides about a failure only: a check returns as soon as
  // there is nobody left, or when all that are left can never be woken.
  LeakOptions& grace(Duration grace) {
    grace_ = grace;
    return *this;
  }

 private:
  friend class LeakSearch;
  using Names = std::vector<std::string>;
  LeakOptions& add(Names& names, std::string name) {
    names.push_back(std::move(name));
    return *this;
  }

  Names anywhere_, top_, creators_;
  Duration grace_ = std::chrono::seconds(5);
};

// The goroutines and waiting after_func() functions that there are when it is taken; a check
// compares with it. One that was not taken is of a moment before all, but knows nothing of Runtimes
// that have ended.
class LeakBaseline {
 public:
  LeakBaseline() = default;
  static LeakBaseline take();

 private:
  friend class LeakSearch;
  bool taken_ = false;
  std::vector<uint64_t> goroutines_;  // ids, ascending
  std::vector<uint64_t> funcs_;       // likewise
};

// Waits until nothing is left that was not there at the baseline: goroutines but the calling one,
// and functions given to after_func() that neither ran nor were stopped. Returns "", or what is
// left when the grace is over: each goroutine's stack and creator as goroutine dumps have it, those
// that can never be woken marked as "(leaked)".
// A goroutine that was alive when its Runtime ended, since the baseline, counts as left: a test
// that makes a Runtime of its own is checked when it is over.
// Callable from goroutines and threads, with a Runtime or without. Independent of any test
// framework: gtest_leaks.h is for GoogleTest.
std::string describe_leaks(const LeakBaseline& baseline = {}, const LeakOptions& options = {});

}  // namespace sluice::testing
