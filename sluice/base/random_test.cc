// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/random.h"

#include <algorithm>
#include <array>
#include <vector>

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Random, BytesDiffer) {
  std::array<std::byte, 64> first{}, second{};
  fill_random(first);
  fill_random(second);
  EXPECT_NE(first, second);
  EXPECT_NE(random_bits(), random_bits());
}

// More than one call gives (33,554,431 bytes): every page is reached.
TEST(Random, FillsAllOfALargeSpan) {
  std::vector<std::byte> bytes(size_t{40} << 20);
  fill_random(bytes);
  for (size_t at = 0; at < bytes.size(); at += 4096)
    EXPECT_TRUE(
        std::any_of(&bytes[at], &bytes[at] + 64, [](std::byte b) { return b != std::byte{}; }));
}

TEST(Random, ComesFromTheSourceWhileThereIsOne) {
  internal::set_random_source(
      [](std::span<std::byte> bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{0x11}); });
  EXPECT_EQ(random_bits(), 0x1111111111111111u);
  internal::set_random_source(nullptr);
  EXPECT_NE(random_bits(), 0x1111111111111111u);
}

}  // namespace
}  // namespace sluice
