// SPDX-License-Identifier: Apache-2.0

#pragma once

// Leak checks for GoogleTest suites; include it where <gtest/gtest.h> is. Go's goleak
// (go.uber.org/goleak) is the model.
//
//   TEST(Pool, StopsItsWorkers) {
//     Runtime runtime;
//     runtime.block_on([] {
//       testing::LeakCheck leaks;            // at the end of the scope nothing may be left
//       Pool pool;
//       ...
//     });
//   }
//
//   int main(int argc, char** argv) {        // every test of the suite
//     ::testing::InitGoogleTest(&argc, argv);
//     sluice::testing::verify_no_leaks_in_each_test();
//     return RUN_ALL_TESTS();
//   }
#include "sluice/testing/internal/gtest_leaks.h"
