// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/gzip.h"

#include <string>

#include <gtest/gtest.h>

#include "sluice/debug/internal/test_profile.h"

namespace sluice::debug::internal {
namespace {

TEST(Gzip, GivesBackWhatWasPutIn) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(i * i);
  EXPECT_EQ(gunzip(gzip(text)), text);
  EXPECT_LT(gzip(text).size(), text.size());
}

TEST(Gzip, OfNothingIsAFileToo) {
  EXPECT_EQ(gunzip(gzip("")), "");
  EXPECT_TRUE(gzip("").starts_with("\x1f\x8b"));
}

}  // namespace
}  // namespace sluice::debug::internal
