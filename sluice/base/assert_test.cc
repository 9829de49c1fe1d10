// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/assert.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Assert, TrueConditionHasNoEffect) {
  SLUICE_ASSERT(1 + 1 == 2);
  SLUICE_ASSERT(1 + 1 == 2, "arithmetic");
}

TEST(Assert, ConditionIsEvaluatedOnce) {
  int evaluated = 0;
  SLUICE_ASSERT(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(Assert, AcceptsWhatConvertsToBoolExplicitly) {
  struct Flag {
    explicit operator bool() const { return true; }
  };
  SLUICE_ASSERT(Flag{});
}

TEST(AssertDeathTest, FalseConditionNamesFileLineAndCondition) {
  EXPECT_DEATH(SLUICE_ASSERT(1 == 2), "assert_test.cc:[0-9]+: assertion failed: 1 == 2\n");
}

TEST(AssertDeathTest, FalseConditionShowsItsMessage) {
  EXPECT_DEATH(SLUICE_ASSERT(1 == 2, "as expected"), "assertion failed: 1 == 2: as expected\n");
}

TEST(AssertDeathTest, MessageLongerThanTheLineIsCut) {
  EXPECT_DEATH(fatal(std::string(10'000, 'x')), "sluice: fatal: x{1000}");
}

TEST(AssertDeathTest, FatalPrintsItsMessageAndAborts) {
  EXPECT_EXIT(fatal("out of goroutines"), testing::KilledBySignal(SIGABRT),
              "^sluice: fatal: out of goroutines\n");
}

}  // namespace
}  // namespace sluice
