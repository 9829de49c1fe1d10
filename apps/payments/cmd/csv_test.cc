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

}  // namespace
}  // namespace payments_cmd
