// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/csv.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace payments_cmd {
namespace {

using testing::ElementsAre;

TEST(SplitCsv, TakesFieldsApart) {
  EXPECT_THAT(split_csv("a,b,c").value(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_csv("a,,").value(), ElementsAre("a", "", ""));
  EXPECT_THAT(split_csv("").value(), ElementsAre(""));
  EXPECT_THAT(split_csv(R"("a,b","say ""hi""",c)").value(), ElementsAre("a,b", R"(say "hi")", "c"));
  EXPECT_THAT(split_csv(R"("",x)").value(), ElementsAre("", "x"));
  EXPECT_THAT(split_csv("Größe,日本,🙂").value(), ElementsAre("Größe", "日本", "🙂"));
}

TEST(SplitCsv, RefusesBrokenLines) {
  for (std::string_view line : {R"("open)", R"(a,"b"c)", R"(a,")", "\xff", "\xc0\x80",
                                "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "a\x80"})
    EXPECT_EQ(split_csv(line).error().code(), sluice::Code::invalid_argument) << line;
  EXPECT_FALSE(split_csv(std::string(20'000, 'x')));
}

TEST(CsvReader, NumbersLinesAndSkipsEmptyOnes) {
  std::istringstream in{"h1,h2\r\n\n1,2\n\"open\n3,4"};
  CsvReader reader{in};
  EXPECT_THAT(reader.next()->fields.value(), ElementsAre("h1", "h2"));
  std::optional<CsvReader::Row> row = reader.next();
  EXPECT_EQ(row->line, 3);
  EXPECT_THAT(row->fields.value(), ElementsAre("1", "2"));
  row = reader.next();
  EXPECT_EQ(row->line, 4);
  EXPECT_FALSE(row->fields);
  EXPECT_EQ(row->text, "\"open");
  EXPECT_THAT(reader.next()->fields.value(), ElementsAre("3", "4"));
  EXPECT_FALSE(reader.next());
}

TEST(CsvReader, SkipsAByteOrderMark) {
  std::istringstream in{
      "\xef\xbb\xbf"
      "a,b\r\nc,d\r\n"};
  CsvReader reader{in};
  EXPECT_EQ(reader.next()->text, "a,b");
  EXPECT_EQ(reader.next()->text, "c,d");
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.failed());
}

TEST(CsvReader, KeepsTheBeginningOnlyOfALineThatIsTooLong) {
  const std::string fits(16 * 1024, 'x');
  const std::string too_long(16 * 1024 + 1, 'x');
  for (const char* end : {"\n", "\r\n", ""}) {
    std::istringstream in{fits + "\n" + too_long + "\n" + std::string(10'000'000, 'y') + "\na,b\n" +
                          too_long + end};
    CsvReader reader{in};
    EXPECT_TRUE(reader.next()->fields);
    for (int line : {2, 3}) {
      const std::optional<CsvReader::Row> row = reader.next();
      ASSERT_TRUE(row);
      EXPECT_FALSE(row->fields);
      EXPECT_EQ(row->line, line);
      EXPECT_LE(row->text.size(), fits.size() + 1);
    }
    EXPECT_EQ(reader.next()->fields->size(), 2u);
    EXPECT_FALSE(reader.next()->fields);
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.lines(), 5);
  }
}

// A file on a disk that fails in the middle of it.
class BrokenFile final : public std::streambuf {
 protected:
  int_type underflow() override {
    if (given_) throw std::ios_base::failure{"planted"};
    given_ = true;
    setg(text_, text_, text_ + sizeof text_ - 1);
    return traits_type::to_int_type(text_[0]);
  }

 private:
  char text_[9] = "a,b\nc,d\n";
  bool given_ = false;
};

TEST(CsvReader, DoesNotTakeAnErrorForTheEnd) {
  BrokenFile file;
  std::istream in{&file};
  CsvReader reader{in};
  EXPECT_TRUE(reader.next());
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.failed());
}

}  // namespace
}  // namespace payments_cmd
