// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/utf8.h"

#include <string_view>

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::string_view_literals;

TEST(Utf8Sequence, FollowsTheTableOfUnicode) {
  struct {
    std::string_view text;
    size_t length;
  } const cases[] = {
      {"a", 1},
      {"\0"sv, 1},
      {"\x7f", 1},
      {"\xC2\x80", 2},          // U+0080
      {"\xDF\xBF", 2},          // U+07FF
      {"\xE0\xA0\x80", 3},      // U+0800
      {"\xED\x9F\xBF", 3},      // U+D7FF
      {"\xEE\x80\x80", 3},      // U+E000
      {"\xEF\xBF\xBF", 3},      // U+FFFF
      {"\xF0\x90\x80\x80", 4},  // U+10000
      {"\xF4\x8F\xBF\xBF", 4},  // U+10FFFF
      {"\x80", 0},              // a tail alone
      {"\xC0\x80", 0},          // overlong
      {"\xC1\xBF", 0},
      {"\xE0\x9F\xBF", 0},
      {"\xF0\x8F\xBF\xBF", 0},
      {"\xED\xA0\x80", 0},      // a surrogate
      {"\xF4\x90\x80\x80", 0},  // beyond U+10FFFF
      {"\xF5\x80\x80\x80", 0},
      {"\xFF", 0},
      {"\xC3", 0},  // cut
      {"\xE2\x82", 0},
      {"\xF0\x9F\x98", 0},
      {"\xE2\x28\xA1", 0},
  };
  for (const auto& [text, length] : cases) EXPECT_EQ(utf8_sequence(text), length) << text;
}

TEST(Utf8Sequence, LooksAtTheFirstSequenceOnly) {
  EXPECT_EQ(utf8_sequence("\u20ac\xFF"), 3u);
  EXPECT_EQ(utf8_sequence("a\xFF"), 1u);
}

}  // namespace
}  // namespace sluice
