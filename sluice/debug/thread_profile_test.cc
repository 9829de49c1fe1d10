// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/thread_profile.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/debug/internal/test_profile.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

using testing::Contains;
using testing::ElementsAre;

TEST(ThreadProfile, CountsTheThreadsThatThereAre) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    internal::Profile profile(thread_profile());
    EXPECT_THAT(profile.types, ElementsAre("threadcreate/count"));
    ASSERT_FALSE(profile.samples.empty());
    uint64_t threads = 0;
    for (const internal::Profile::Sample& sample : profile.samples) {
      threads += sample.values[0];
      EXPECT_THAT(sample.functions, Contains("sluice::runtime::launch_m"));
    }
    EXPECT_GE(threads, 1u);
  });
}

TEST(ThreadProfile, AsTextIsGos) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    std::string text = thread_profile_text();
    EXPECT_THAT(text, testing::ContainsRegex("^threadcreate profile: total [0-9]+\n[0-9]+ @ 0x"));
    EXPECT_THAT(text, testing::ContainsRegex("#\t0x[0-9a-f]+\t[^\n]*\t\t[^\n]*:[0-9]+\n"));
  });
}

TEST(ThreadProfile, OfNoRuntimeIsEmpty) {
  EXPECT_EQ(thread_profile_text(), "threadcreate profile: total 0\n");
  EXPECT_TRUE(internal::Profile(thread_profile()).samples.empty());
}

}  // namespace
}  // namespace sluice::debug
