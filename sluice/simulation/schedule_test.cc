// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/schedule.h"

#include <gtest/gtest.h>

namespace sluice::simulation {
namespace {

TEST(Schedule, AsTextAndBack) {
  for (const Schedule& schedule : {Schedule{}, Schedule{{1, 1}}, Schedule{{17, 1}, {340, 2}}}) {
    Result<Schedule> parsed = parse_schedule(to_text(schedule));
    ASSERT_TRUE(parsed) << parsed.error().to_string();
    EXPECT_EQ(*parsed, schedule);
  }
  EXPECT_EQ(to_text({{17, 1}, {340, 2}}), "17:1,340:2");
  EXPECT_EQ(to_text({}), "-");
}

TEST(Schedule, WhatIsNoneIsRefusedWithThePlace) {
  struct Bad {
    const char* text;
    const char* says;
  };
  for (Bad bad :
       {Bad{"", "character 1"}, Bad{"17", "character 1"}, Bad{"1:1,1:2", "character 5"},
        Bad{"5:1,4:1", "character 5"}, Bad{"5:0", "character 1"}, Bad{"5:1,", "character 5"},
        Bad{"5:1 6:1", "ends in \" 6:1\""}, Bad{"99999999999999999999:1", "character 1"}}) {
    Result<Schedule> parsed = parse_schedule(bad.text);
    ASSERT_FALSE(parsed) << bad.text;
    EXPECT_EQ(parsed.error().code(), Code::invalid_argument);
    EXPECT_NE(parsed.error().to_string().find(bad.says), std::string::npos)
        << bad.text << ": " << parsed.error().to_string();
  }
}

}  // namespace
}  // namespace sluice::simulation
