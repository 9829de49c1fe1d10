// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/internal/sampling.h"

#include <cmath>

#include <gtest/gtest.h>

namespace sluice::heap {
namespace {

TEST(Sampling, GapsHaveTheRateAsTheirMean) {
  Random random{1};
  constexpr int draws = 100'000;
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    int64_t gap = draw_gap(random, 1000);
    ASSERT_GE(gap, 0);
    sum += static_cast<double>(gap);
  }
  // The mean of that many has a deviation of 0.3 %.
  EXPECT_NEAR(sum / draws, 1000, 20);
}

TEST(Sampling, ARateOfOneLeavesNoGap) {
  Random random{1};
  EXPECT_EQ(draw_gap(random, 1), 0);
  EXPECT_EQ(weight_of(100, 1).objects, Weight::one_object);
  EXPECT_EQ(weight_of(100, 1).bytes, 100u);
}

TEST(Sampling, AWeightIsOneOverTheProbability) {
  struct Case {
    size_t size;
    uint64_t rate;
    double objects;
  };
  for (Case c : {Case{16, 524288, 32768.5}, Case{524288, 524288, 1.58198}, Case{1 << 26, 524288, 1},
                 Case{1000, 1000, 1.58198}}) {
    Weight weight = weight_of(c.size, c.rate);
    EXPECT_NEAR(static_cast<double>(weight.objects) / Weight::one_object, c.objects, 0.01)
        << c.size;
    EXPECT_NEAR(static_cast<double>(weight.bytes), c.objects * static_cast<double>(c.size),
                static_cast<double>(c.size) * 0.001 + 1);
  }
}

// Go's test of the same: what is estimated from samples is what there was, whatever the size.
TEST(Sampling, TheSumOfWeightsIsUnbiased) {
  for (size_t size : {16u, 100u, 1000u, 5000u, 100'000u}) {
    Random random{size};
    constexpr uint64_t rate = 1000;
    constexpr int count = 400'000;
    double objects = 0;
    int64_t left = draw_gap(random, rate);
    for (int i = 0; i < count; ++i) {
      left -= static_cast<int64_t>(size);
      if (left >= 0) continue;
      objects += static_cast<double>(weight_of(size, rate).objects) / Weight::one_object;
      left = draw_gap(random, rate);
    }
    EXPECT_NEAR(objects / count, 1, 0.05) << size;
  }
}

}  // namespace
}  // namespace sluice::heap
