// SPDX-License-Identifier: Apache-2.0

// Our own primitives, in every order of few departures.

#include <cstdio>

#include <gtest/gtest.h>

#include "sluice/simulation/internal/test_programs.h"
#include "sluice/simulation/simulate.h"

namespace sluice::simulation {
namespace {

void explore_all(const std::vector<internal::TestProgram>& programs) {
  for (const internal::TestProgram& program : programs) {
    ExploreOptions options;
    options.departures = program.departures;
    Report report = explore(options, program.body);
    EXPECT_TRUE(report.passed()) << program.name << ": " << report.to_string();
    double seconds = std::chrono::duration<double>(report.took).count();
    std::printf("%-40s %u departures %9llu schedules %6.1f points each %7.2f s\n", program.name,
                program.departures, static_cast<unsigned long long>(report.runs),
                static_cast<double>(report.steps) / static_cast<double>(report.runs), seconds);
  }
}

TEST(Explore, Channels) { explore_all(internal::channel_programs()); }
TEST(Explore, Contexts) { explore_all(internal::context_programs()); }
TEST(Explore, Sync) { explore_all(internal::sync_programs()); }
TEST(Explore, Races) { explore_all(internal::race_programs()); }
TEST(Explore, Reclaiming) { explore_all(internal::reclaim_programs()); }

}  // namespace
}  // namespace sluice::simulation
