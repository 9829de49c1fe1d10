// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/decider.h"

#include <gtest/gtest.h>

#include "sluice/simulation/internal/runner.h"
#include "sluice/simulation/internal/test_programs.h"

namespace sluice::simulation::internal {
namespace {

// What a random run departs in says all about it.
TEST(ScriptedDecider, DoesWhatTheRandomOneDid) {
  SharedMemory run;
  for (const auto* programs : {&channel_programs(), &context_programs(), &sync_programs()})
    for (const TestProgram& each : *programs) {
      std::function<void()> body = each.body;
      Program program{{}, 500, body};
      for (uint64_t seed = 1; seed <= 50; ++seed) {
        std::string first, second;
        RandomDecider random(*run, seed, true);
        random.write_trace_to(&first);
        run_once(program, seed, random, *run);
        ASSERT_EQ(run->failure, FailureKind::none);
        Schedule schedule = run->schedule();
        ScriptedDecider scripted(*run, seed, schedule);
        scripted.write_trace_to(&second);
        run_once(program, seed, scripted, *run);
        ASSERT_EQ(first, second) << each.name << ", seed " << seed;
        EXPECT_EQ(run->schedule(), schedule);
      }
    }
}

}  // namespace
}  // namespace sluice::simulation::internal
