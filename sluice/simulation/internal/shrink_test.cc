// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/shrink.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sluice::simulation::internal {
namespace {

bool has(const Schedule& schedule, uint64_t at) {
  return std::any_of(schedule.begin(), schedule.end(),
                     [at](const Departure& each) { return each.at == at; });
}

// Answers as `fails` says, and counts the questions.
template <class Fails>
FindFailing finder(Fails fails, size_t* asked) {
  return [=](const std::vector<Schedule>& candidates, Instant) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      ++*asked;
      if (fails(candidates[i])) return i;
    }
    return candidates.size();
  };
}

Schedule long_one() {
  Schedule schedule;
  for (uint64_t at = 1; at <= 1000; ++at) schedule.push_back({at, 1});
  return schedule;
}

TEST(Shrink, LeavesWhatIsNeeded) {
  size_t asked = 0;
  auto fails = [](const Schedule& schedule) {
    return has(schedule, 13) && has(schedule, 500) && has(schedule, 987);
  };
  Schedule least = shrink(long_one(), 1000, finder(fails, &asked), std::chrono::seconds(60));
  EXPECT_EQ(least, (Schedule{{13, 1}, {500, 1}, {987, 1}}));
  EXPECT_LT(asked, 6'000'000u);
}

TEST(Shrink, ToNothingWhereNothingIsNeeded) {
  size_t asked = 0;
  auto always = [](const Schedule&) { return true; };
  EXPECT_EQ(shrink(long_one(), 1000, finder(always, &asked), std::chrono::seconds(60)), Schedule{});
  EXPECT_EQ(asked, 1u);
}

// What is left out moves all later decisions: nothing can be left out then, though one alone does.
TEST(Shrink, TriesOtherPlaces) {
  size_t asked = 0;
  Schedule whole{{3, 1}, {10, 2}, {20, 1}};
  auto fails = [&](const Schedule& schedule) {
    return schedule == whole || schedule == Schedule{{7, 2}};
  };
  EXPECT_EQ(shrink(whole, 30, finder(fails, &asked), std::chrono::seconds(60)), (Schedule{{7, 2}}));
}

TEST(Shrink, TriesPairs) {
  size_t asked = 0;
  Schedule whole{{3, 1}, {10, 2}, {20, 1}};
  auto fails = [&](const Schedule& schedule) {
    return schedule == whole || schedule == Schedule{{4, 1}, {29, 3}};
  };
  EXPECT_EQ(shrink(whole, 30, finder(fails, &asked), std::chrono::seconds(60)),
            (Schedule{{4, 1}, {29, 3}}));
}

TEST(Shrink, GivesUpWhenItsTimeIsOver) {
  size_t asked = 0;
  auto fails = [](const Schedule& schedule) { return schedule.size() > 1; };
  EXPECT_EQ(shrink(long_one(), 1000, finder(fails, &asked), Duration::zero()).size(), 1000u);
}

TEST(WithoutNumbers, TheRestIsLeft) {
  EXPECT_EQ(without_numbers("counted 17 of 20"), "counted  of ");
}

}  // namespace
}  // namespace sluice::simulation::internal
