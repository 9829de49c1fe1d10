// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/cpu_profile.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/internal/test_burn.h"
#include "sluice/debug/internal/test_profile.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {

[[gnu::noinline]] void start_a_hog(const Channel<int>& ended) {
  go([ended] {
    set_goroutine_name("hog");
    internal::burn_in_profile(20);
    ended.send(1);
  });
  asm volatile("");
}

namespace {

using namespace std::chrono_literals;
using internal::Profile;
using testing::Contains;
using testing::ElementsAre;

TEST(CpuProfile, ShowsTheHotFunctionAndWhoseItIs) {
  Runtime runtime{{.max_procs = 2}};
  Result<CpuProfile> running = CpuProfile::start();
  ASSERT_TRUE(running);
  runtime.block_on([] {
    Channel<int> ended;
    start_a_hog(ended);
    ended.receive();
  });
  Profile profile(running->stop());
  EXPECT_THAT(profile.types, ElementsAre("samples/count", "cpu/nanoseconds"));
  EXPECT_EQ(profile.period_type, "cpu/nanoseconds");
  EXPECT_EQ(profile.period, 10'000'000u);
  EXPECT_GT(profile.duration_ns, 0u);
  uint64_t all = 0, hot = 0;
  for (Profile::Sample& sample : profile.samples) {
    all += sample.values[0];
    EXPECT_EQ(sample.values[1], sample.values[0] * 10'000'000);
    if (!testing::Value(sample.functions, Contains("sluice::debug::internal::burn_in_profile")))
      continue;
    hot += sample.values[0];
    if (!internal::samples_are_exact) continue;
    EXPECT_EQ(sample.tags["name"], "hog");
    EXPECT_EQ(sample.tags["created_by"], "sluice::debug::start_a_hog");
  }
  EXPECT_GT(all, 0u);
  EXPECT_TRUE(!internal::samples_are_exact || hot * 2 > all) << hot << " of " << all;
}

TEST(CpuProfile, ThereIsOneAtATime) {
  {
    Result<CpuProfile> first = CpuProfile::start();
    ASSERT_TRUE(first);
    Result<CpuProfile> second = CpuProfile::start();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), Code::failed_precondition);
  }
  EXPECT_TRUE(CpuProfile::start());
}

TEST(CpuProfile, EndsWithItsContext) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    CancellableContext scope = with_cancel(Context::background());
    Channel<std::string> ended;
    go([ended, context = scope.context] {
      Result<std::string> profile = cpu_profile(context, 1h);
      EXPECT_TRUE(profile);
      ended.send(profile.value_or(""));
    });
    while (!internal::somebody_is_in("sluice::debug::cpu_profile")) yield();
    scope.cancel();
    Profile profile(ended.receive().value_or(""));
    EXPECT_LT(profile.duration_ns, uint64_t{3600} * 1'000'000'000);
  });
  EXPECT_TRUE(CpuProfile::start());
}

TEST(CpuProfile, TellsOfWhatIsNotInIt) {
  runtime::CpuSamples samples;
  samples.period = 10ms;
  samples.lost = 7;
  samples.threads_refused = 2;
  Profile profile(encode_cpu_profile(samples));
  ASSERT_EQ(profile.samples.size(), 1u);
  EXPECT_THAT(profile.samples[0].functions, ElementsAre("[lost samples]"));
  EXPECT_THAT(profile.samples[0].values, ElementsAre(7, 70'000'000));
  EXPECT_THAT(profile.comments, Contains(testing::StartsWith("2 threads are not in it")));
}

}  // namespace
}  // namespace sluice::debug
