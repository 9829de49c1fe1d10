// SPDX-License-Identifier: Apache-2.0

#pragma once

// simulate() and explore() in GoogleTest suites; include it where <gtest/gtest.h> is.
//
//   TEST(Transfers, KeepTheSum) {
//     testing::simulate({.seeds = 1000}, [] {
//       Bank bank;
//       ...
//       EXPECT_EQ(bank.sum(), 100);
//     });
//   }
//
// A failed EXPECT or ASSERT in the body fails its run, which is shrunk and told; then the test
// fails. The command to run it again has the test's name.
#include "sluice/simulation/internal/gtest_simulation.h"
