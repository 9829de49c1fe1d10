// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/fixed_text.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

TEST(FixedText, WritesWordsNumbersAndFields) {
  std::array<char, 256> memory;
  FixedText text(memory.data(), memory.size());
  text.add("P");
  text.add(7u);
  text.field("most", UINT64_MAX);
  text.field("least", INT64_MIN);
  text.field("word", std::string_view("nil"));
  text.end_line();
  EXPECT_EQ(text.finish(), "P7 most=18446744073709551615 least=-9223372036854775808 word=nil\n");
}

TEST(FixedText, ALineThatIsNotEndedIsNotShown) {
  std::array<char, 256> memory;
  FixedText text(memory.data(), memory.size());
  text.add("one");
  text.end_line();
  text.add("two");
  EXPECT_EQ(text.finish(), "one\n");
}

// Whatever the capacity, lines are whole and none is written past the end.
TEST(FixedText, LeavesOutWholeLinesAndSaysHowMany) {
  for (size_t room = 0; room < 40; ++room) {
    std::string memory(FixedText::note_bytes_max + room, '#');
    FixedText text(memory.data(), memory.size() - 1);
    memory.back() = '!';
    for (int i = 0; i < 3; ++i) {
      text.add("line ");
      text.add(i);
      text.end_line();
    }
    std::string expected;
    size_t fits = room == 0 ? 0 : std::min<size_t>((room - 1) / 7, 3);
    for (size_t i = 0; i < fits; ++i) expected += "line " + std::to_string(i) + "\n";
    if (fits < 3) expected += "  ... " + std::to_string(3 - fits) + " more lines\n";
    if (room != 0) {
      EXPECT_EQ(text.finish(), expected) << room;
    }
    EXPECT_EQ(memory.back(), '!');
  }
}

}  // namespace
}  // namespace sluice::runtime
