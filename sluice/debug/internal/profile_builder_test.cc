// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/profile_builder.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/debug/internal/test_profile.h"
#include "sluice/runtime/goroutines.h"

namespace sluice::debug::internal {

[[gnu::noinline]] void place_in_profile() { asm volatile(""); }

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Pair;

constexpr ProfileBuilder::ValueType memory[] = {{"objects", "count"}, {"space", "bytes"}};

uintptr_t in_program() { return reinterpret_cast<uintptr_t>(&place_in_profile) + 1; }

TEST(ProfileBuilder, KeepsEveryValueOfASample) {
  ProfileBuilder builder(memory);
  builder.set_period(memory[1], 512);
  builder.set_time(wall(), 3s);
  const uintptr_t stack[] = {in_program()};
  builder.add(stack, std::vector<int64_t>{2, 96}, {});
  Profile profile(builder.finish());
  EXPECT_THAT(profile.types, ElementsAre("objects/count", "space/bytes"));
  EXPECT_EQ(profile.period_type, "space/bytes");
  EXPECT_EQ(profile.period, 512u);
  EXPECT_EQ(profile.duration_ns, 3'000'000'000u);
  ASSERT_EQ(profile.samples.size(), 1u);
  EXPECT_THAT(profile.samples[0].values, ElementsAre(2, 96));
  EXPECT_THAT(profile.samples[0].functions,
              ElementsAre("sluice::debug::internal::place_in_profile"));
}

TEST(ProfileBuilder, TagsAreTextsOrNumbers) {
  ProfileBuilder builder(memory);
  const ProfileBuilder::Label labels[] = {{.key = "name", .text = "worker"},
                                          {.key = "bytes", .number = 48},
                                          {.key = "age", .number = 7, .unit = "seconds"},
                                          {.key = "nothing"}};
  const uintptr_t stack[] = {in_program()};
  builder.add(stack, std::vector<int64_t>{1, 48}, labels);
  Profile profile(builder.finish());
  EXPECT_THAT(profile.samples[0].tags, ElementsAre(Pair("name", "worker")));
  EXPECT_THAT(profile.samples[0].numbers, ElementsAre(Pair("age", 7), Pair("bytes", 48)));
}

TEST(ProfileBuilder, AddressesBelongToTheFilesTheyWereLoadedFrom) {
  ProfileBuilder builder(memory);
  const uintptr_t stack[] = {reinterpret_cast<uintptr_t>(&::getppid) + 1, in_program()};
  builder.add(stack, std::vector<int64_t>{1, 1}, {});
  Profile profile(builder.finish());
  EXPECT_EQ(profile.addresses_outside, 0u);
  ASSERT_GE(profile.mapped_files.size(), 2u);
  EXPECT_THAT(profile.mapped_files[0], testing::EndsWith("debug_test"));
  EXPECT_THAT(profile.mapped_files, testing::Contains(testing::HasSubstr("libc.so")));
}

TEST(ProfileBuilder, ShowsTheSchedulerOnlyToWhoAsks) {
  const uintptr_t stack[] = {reinterpret_cast<uintptr_t>(&runtime::capture_goroutines) + 1,
                             in_program()};
  ProfileBuilder all(memory, Frames::all);
  all.add(stack, std::vector<int64_t>{1, 1}, {});
  EXPECT_EQ(Profile(all.finish()).samples[0].functions.size(), 2u);
  ProfileBuilder users(memory);
  users.add(stack, std::vector<int64_t>{1, 1}, {});
  EXPECT_EQ(Profile(users.finish()).samples[0].functions.size(), 1u);
}

TEST(ProfileBuilder, NobodysAddressIsShownAsItIs) {
  ProfileBuilder builder(memory);
  const uintptr_t stack[] = {0x11};
  builder.add(stack, std::vector<int64_t>{1, 1}, {});
  Profile profile(builder.finish());
  EXPECT_EQ(profile.addresses_outside, 1u);
  EXPECT_THAT(profile.samples[0].functions, ElementsAre("0x11"));
}

}  // namespace
}  // namespace sluice::debug::internal
