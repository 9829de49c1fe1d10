// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/progress.h"

#include <gtest/gtest.h>

namespace payments_cmd {
namespace {

TEST(ProgressBar, ShowsShareRowsAndRate) {
  EXPECT_EQ(ProgressBar::render(50, 100, 5012, 4930.7),
            "[###############...............]  50 %  5,012 rows  4,930/s");
  EXPECT_EQ(ProgressBar::render(200, 100, 1, 0),
            "[##############################] 100 %  1 rows  0/s");
}

TEST(WithCommas, GroupsThousands) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
  EXPECT_EQ(with_commas(-123), "-123");
}

}  // namespace
}  // namespace payments_cmd
