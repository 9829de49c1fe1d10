// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/wait_sampler.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

struct Drawn {
  uint64_t events = 0;
  uint64_t draws = 0;
  uint64_t weight = 0;
  uint64_t since_last = 0;  // events after the last draw
};

// So many events, `gap_ns` apart, starting at `*now`.
Drawn feed(WaitSampler& sampler, uint64_t* now, uint64_t events, uint64_t gap_ns) {
  Drawn drawn{.events = events};
  for (uint64_t i = 0; i < events; ++i, *now += gap_ns) {
    ++drawn.since_last;
    if (!sampler.pass()) continue;
    drawn.weight += sampler.draw(*now);
    ++drawn.draws;
    drawn.since_last = 0;
  }
  return drawn;
}

TEST(WaitSampler, DrawsTheFirst) {
  WaitSampler sampler;
  ASSERT_TRUE(sampler.pass());
  EXPECT_EQ(sampler.draw(1'000'000'000), 1u);
}

TEST(WaitSampler, DrawsAllOfAFew) {
  WaitSampler sampler;
  uint64_t now = 1'000'000'000;
  Drawn drawn = feed(sampler, &now, 1000, 2'000'000);
  EXPECT_EQ(drawn.draws, 1000u);
  EXPECT_EQ(drawn.weight, 1000u);
}

TEST(WaitSampler, TheWeightsAreThoseOfAllEvents) {
  for (uint64_t gap : {1u, 30u, 100u, 1000u, 30'000u, 700'000u}) {
    WaitSampler sampler;
    uint64_t now = 1'000'000'000;
    Drawn drawn = feed(sampler, &now, 2'000'000, gap);
    EXPECT_EQ(drawn.weight + drawn.since_last, drawn.events) << gap;
  }
}

TEST(WaitSampler, DrawsAboutAThousandInASecondOfMany) {
  for (uint64_t gap : {30u, 100u, 1000u, 30'000u}) {
    WaitSampler sampler;
    uint64_t now = 1'000'000'000;
    feed(sampler, &now, 100'000, gap);  // it finds its interval
    uint64_t events = 1'000'000'000 / gap;
    Drawn drawn = feed(sampler, &now, events, gap);
    EXPECT_GT(drawn.draws, 900u) << gap;
    EXPECT_LT(drawn.draws, 1100u) << gap;
  }
}

TEST(WaitSampler, DrawsAllAgainWhenThereAreFewAgain) {
  WaitSampler sampler;
  uint64_t now = 1'000'000'000;
  feed(sampler, &now, 1'000'000, 100);
  feed(sampler, &now, WaitSampler::interval_max, 50'000'000);
  Drawn drawn = feed(sampler, &now, 100, 50'000'000);
  EXPECT_EQ(drawn.draws, 100u);
}

// Every second event is of one kind: neither kind may be drawn by rhythm.
TEST(WaitSampler, DoesNotBeatWithWhatAlternates) {
  WaitSampler sampler;
  uint64_t now = 1'000'000'000;
  uint64_t weights[2] = {};
  constexpr uint64_t events = 20'000'000;
  for (uint64_t i = 0; i < events; ++i, now += 97)
    if (sampler.pass()) weights[i % 2] += sampler.draw(now);
  EXPECT_GT(weights[0], events / 2 * 8 / 10);
  EXPECT_GT(weights[1], events / 2 * 8 / 10);
}

TEST(WaitSampler, StopsDrawing) {
  WaitSampler sampler;
  ASSERT_TRUE(sampler.pass());
  sampler.stop();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(sampler.pass());
}

}  // namespace
}  // namespace sluice::runtime
