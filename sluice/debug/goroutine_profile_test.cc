// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/goroutine_profile.h"

#include <cstdint>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/internal/test_profile.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {

[[gnu::noinline]] void wait_in_profile(const Channel<int>& word) {
  word.receive();
  asm volatile("");
}

namespace {

TEST(GoroutineProfile, CountsStacksWithNameAndState) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Channel<int> word;
    for (int i = 0; i < 3; ++i)
      go([word] {
        set_goroutine_name("waiter");
        wait_in_profile(word);
      });
    internal::wait_for_waiters(3);
    internal::Profile profile(goroutine_profile(runtime::capture_goroutines()));
    EXPECT_THAT(profile.types, testing::ElementsAre("goroutine/count"));
    ASSERT_EQ(profile.samples.size(), 2u);
    EXPECT_EQ(profile.samples[0].values, std::vector<uint64_t>{3});
    EXPECT_EQ(profile.samples[0].tags["name"], "waiter");
    EXPECT_EQ(profile.samples[0].tags["state"], "chan receive");
    EXPECT_THAT(profile.samples[0].functions, testing::Contains("sluice::debug::wait_in_profile"));
    EXPECT_EQ(profile.samples[1].values, std::vector<uint64_t>{1});
    EXPECT_EQ(profile.samples[1].tags["state"], "running");
    for (int i = 0; i < 3; ++i) word.send(1);
  });
}

TEST(GoroutineProfile, OfNobodyIsAProfileToo) {
  internal::Profile profile(goroutine_profile({}));
  EXPECT_THAT(profile.types, testing::ElementsAre("goroutine/count"));
  EXPECT_TRUE(profile.samples.empty());
}

}  // namespace
}  // namespace sluice::debug
