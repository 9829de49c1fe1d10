// SPDX-License-Identifier: Apache-2.0

// Linked with a primitive that has a bug (CMakeLists.txt): it must be found, and told.

#include <algorithm>
#include <iostream>
#include <string_view>

#include <gtest/gtest.h>

#include "sluice/simulation/internal/test_programs.h"
#include "sluice/simulation/simulate.h"

namespace sluice::simulation {
namespace {

using internal::TestProgram;

struct Mutant {
  std::string_view name;
  std::string_view program;  // which shows it
  std::string_view says;     // what is said of it
  const std::vector<TestProgram>& (*programs)();
};
constexpr Mutant mutants[] = {
    {"lost_wake_up", "channel: unbuffered, 2 senders", "chan receive", internal::channel_programs},
    {"double_hand_off", "mutex: handed over", "inconsistent mutex state", internal::sync_programs},
    {"missed_cancel", "context: a child while its parent ends", "chan receive",
     internal::context_programs},
    {"kept_waiting", "semaphore: cancel", "semaphore", internal::sync_programs},
    {"unsure_waiter", "wait_group: 2 waiters, 2 to wait for", "", internal::race_programs},
    {"woken_twice", "mutex: try_lock beside waiters", "inconsistent mutex state",
     internal::race_programs},
    {"unseen_reader", "rw_mutex: tries", "beside", internal::race_programs},
    {"aged_after_its_end", "pool: ends while all are aged", "", internal::reclaim_programs},
    {"freed_at_once", "map: erased while it is read", "used after its end",
     internal::reclaim_programs},
    {"freed_too_early", "map: replaced while it is read", "used after its end",
     internal::reclaim_programs},
    {"claimed_twice", "select: claimed once", "a select was served twice", internal::race_programs},
    {"callback_missed", "select: timers end", "[select]", internal::race_programs},
    {"never_freed", "context: freed once", "free", internal::race_programs},
};

const Mutant& mutant() {
  return *std::find_if(std::begin(mutants), std::end(mutants),
                       [](const Mutant& each) { return each.name == SLUICE_MUTANT; });
}

const TestProgram& program() {
  const std::vector<TestProgram>& all = mutant().programs();
  return *std::find_if(all.begin(), all.end(),
                       [](const TestProgram& each) { return each.name == mutant().program; });
}

void expect_told(const Report& report) {
  std::cout << report.to_string();
  ASSERT_TRUE(report.failure) << "the bug is no longer found";
  const Failure& failure = *report.failure;
  EXPECT_NE(failure.what.find(mutant().says), std::string::npos) << failure.what;
  EXPECT_NE(failure.replay.find(to_text(failure.schedule)), std::string::npos) << failure.replay;
  EXPECT_NE(failure.timeline.find("_programs.cc:"), std::string::npos) << failure.timeline;
  EXPECT_LE(failure.schedule.size(), 4u);
}

TEST(Mutant, IsFoundByExplore) {
  ExploreOptions options;
  options.departures = 3;
  expect_told(explore(options, program().body));
}

TEST(Mutant, IsFoundBySimulate) {
  SimulateOptions options;
  options.seeds = 20'000;
  options.shrink_time = std::chrono::hours(1);
  expect_told(simulate(options, program().body));
}

}  // namespace
}  // namespace sluice::simulation
