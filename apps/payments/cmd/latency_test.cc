// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/latency.h"

#include <memory>

#include <gtest/gtest.h>

namespace payments_cmd {
namespace {

using namespace std::chrono_literals;

TEST(LatencyHistogram, QuantilesAreWithinABucket) {
  auto histogram = std::make_unique<LatencyHistogram>();
  for (int i = 1; i <= 10'000; ++i) histogram->record(i * 1us);
  for (double quantile : {0.5, 0.9, 0.99, 1.0}) {
    const double exact = quantile * 1e7;
    const auto got = static_cast<double>(histogram->quantile(quantile).count());
    EXPECT_GE(got, exact);
    EXPECT_LE(got, exact * 1.02 + 1000);
  }
}

TEST(LatencyHistogram, MergesAndTakesExtremes) {
  auto a = std::make_unique<LatencyHistogram>();
  auto b = std::make_unique<LatencyHistogram>();
  EXPECT_EQ(a->quantile(0.5), 0ns);
  a->record(0ns);
  b->record(24h * 365 * 200);
  b->record(-1ns);
  a->merge(*b);
  EXPECT_EQ(a->count(), 3u);
  EXPECT_EQ(a->quantile(0.5), 0ns);
  EXPECT_GT(a->quantile(1.0), 24h * 365 * 190);
}

}  // namespace
}  // namespace payments_cmd
