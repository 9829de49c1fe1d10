// SPDX-License-Identifier: Apache-2.0

#include "sluice/json/internal/fault.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::json::internal {
namespace {

TEST(FindFault, FindsNoneInWhatIsRight) {
  for (const std::string_view text :
       {"0", "-0.5e+10", "[[],{}]", R"({"a":[1,{"b":null}],"c":"\ud83d\ude00"})", " [ true ] "})
    EXPECT_FALSE(find_fault(text, 64).has_value()) << text;
}

TEST(FindFault, TooSmallANumberIsZero) {
  const std::string zeros(400, '0');
  EXPECT_FALSE(find_fault("1e-400", 64).has_value());
  EXPECT_FALSE(find_fault("0." + zeros + "1", 64).has_value());
  EXPECT_FALSE(find_fault("1e-99999999999999999999", 64).has_value());
  EXPECT_FALSE(find_fault("0e99999999999999999999", 64).has_value());
}

TEST(FindFault, TooLargeANumberIsAFault) {
  EXPECT_EQ(find_fault("[0, 1e400]", 64)->offset, 4u);
  EXPECT_TRUE(find_fault("1" + std::string(400, '0') + ".0", 64).has_value());
  EXPECT_TRUE(find_fault("1e99999999999999999999", 64).has_value());
}

TEST(FindFault, NeedsNoStackForDepth) {
  EXPECT_EQ(find_fault(std::string(10'000'000, '['), 100'000'000)->offset, 10'000'000u);
}

// The first fault of every cut of a right text is where it was cut, or where the cut word begins.
TEST(FindFault, EveryCutIsAFault) {
  const std::string_view text = R"({"key":[1.5e3,"\u00e9x",true,null,{"a":{}}],"b":-12})";
  for (size_t size = 0; size < text.size(); ++size) {
    const auto fault = find_fault(text.substr(0, size), 64);
    ASSERT_TRUE(fault.has_value()) << size;
    EXPECT_LE(fault->offset, size);
    EXPECT_GE(fault->offset + 8, size);
  }
}

}  // namespace
}  // namespace sluice::json::internal
