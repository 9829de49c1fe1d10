// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

namespace sluice::simulation::internal {

// A small program on one primitive, which calls fail() if that does not keep its promises: for
// explore() to try in every order, with the real primitive and with ones that have a bug.
struct TestProgram {
  const char* name;
  unsigned departures;  // for explore(): what takes a second or so
  void (*body)();
};

const std::vector<TestProgram>& channel_programs();
const std::vector<TestProgram>& context_programs();
const std::vector<TestProgram>& sync_programs();
// For atomic operations that are points: whose races are between those.
const std::vector<TestProgram>& race_programs();
// The same, of memory that is freed while it is read.
const std::vector<TestProgram>& reclaim_programs();

}  // namespace sluice::simulation::internal
