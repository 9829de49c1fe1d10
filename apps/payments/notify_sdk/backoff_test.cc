// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/notify_sdk/backoff.h"

#include <random>

#include <gtest/gtest.h>

namespace notify_sdk {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToTheCeilingWithinJitter) {
  const Backoff backoff{.first = 200ms, .ceiling = 30s};
  std::mt19937_64 random{1};
  sluice::Duration full = 200ms;
  for (int64_t attempt = 1; attempt <= 100; ++attempt) {
    for (int draw = 0; draw < 100; ++draw) {
      const sluice::Duration wait = backoff.after(attempt, random());
      EXPECT_GE(wait, full / 2);
      EXPECT_LE(wait, full);
    }
    full = std::min<sluice::Duration>(full * 2, 30s);
  }
}

TEST(Backoff, SpreadsRetries) {
  const Backoff backoff;
  EXPECT_NE(backoff.after(5, 1), backoff.after(5, 1'000'000'007));
}

}  // namespace
}  // namespace notify_sdk
