// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/debug_settings.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

using testing::HasSubstr;

std::string error_of(std::string_view text) {
  Result<DebugSettings> settings = parse_debug(text);
  if (settings.has_value()) return "no error";
  EXPECT_EQ(settings.error().code(), Code::invalid_argument);
  return std::string(settings.error().message());
}

TEST(DebugSettings, NothingIsOnByDefault) {
  DebugSettings settings = *parse_debug("");
  EXPECT_EQ(settings.schedtrace_ms, 0u);
  EXPECT_FALSE(settings.scheddetail);
  EXPECT_TRUE(settings.madvdontneed);
}

TEST(DebugSettings, MadvdontneedCanBeSwitchedOff) {
  EXPECT_FALSE(parse_debug("madvdontneed=0")->madvdontneed);
  EXPECT_TRUE(parse_debug("madvdontneed=1,schedtrace=5")->madvdontneed);
  EXPECT_THAT(error_of("madvdontneed=2"), HasSubstr("SLUICE_DEBUG: madvdontneed=2: must be"));
}

TEST(DebugSettings, ReadsAListInAnyOrder) {
  for (const char* text : {"schedtrace=1000,scheddetail=1", "scheddetail=1,schedtrace=1000"}) {
    DebugSettings settings = *parse_debug(text);
    EXPECT_EQ(settings.schedtrace_ms, 1000u);
    EXPECT_TRUE(settings.scheddetail);
  }
  EXPECT_FALSE(parse_debug("schedtrace=5,scheddetail=0")->scheddetail);
  EXPECT_EQ(parse_debug("schedtrace=0")->schedtrace_ms, 0u);
}

TEST(DebugSettings, ABadValueIsNamedWithItsSetting) {
  for (const char* value : {"", "x", "-1", "1s", "1.5", " 1", "86400001"})
    EXPECT_THAT(error_of("schedtrace=" + std::string(value)),
                HasSubstr("SLUICE_DEBUG: schedtrace=" + std::string(value) +
                          ": must be a whole number from 0 to 86400000"));
  for (const char* value : {"", "2", "true"})
    EXPECT_THAT(error_of("schedtrace=1,scheddetail=" + std::string(value)),
                HasSubstr("SLUICE_DEBUG: scheddetail=" + std::string(value) +
                          ": must be a whole number from 0 to 1"));
}

TEST(DebugSettings, AnUnknownSettingIsNamed) {
  EXPECT_THAT(error_of("schedtrace=1,shedtail=1"),
              HasSubstr("SLUICE_DEBUG: shedtail=1: no such setting"));
  EXPECT_THAT(error_of("Schedtrace=1"), HasSubstr("SLUICE_DEBUG: Schedtrace=1: no such setting"));
}

TEST(DebugSettings, WhatIsNoPairIsAnError) {
  for (const char* text :
       {"schedtrace", ",", "schedtrace=1,", ",schedtrace=1", "schedtrace=1,,scheddetail=1", " "})
    EXPECT_THAT(error_of(text), HasSubstr("must be NAME=VALUE")) << text;
}

TEST(DebugSettingsDeathTest, ARuntimeDoesNotStartWithABadOne) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ::setenv("SLUICE_DEBUG", "schedtrace=soon", 1);
        Runtime runtime{{.max_procs = 1}};
      },
      "SLUICE_DEBUG: schedtrace=soon: must be a whole number");
}

}  // namespace
}  // namespace sluice::runtime
