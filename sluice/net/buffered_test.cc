// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/buffered.h"

#include <string>

#include <gtest/gtest.h>

#include "sluice/net/internal/test_pair.h"
#include "sluice/runtime/go.h"

namespace sluice::net {
namespace {

using internal::connected;
using internal::on_runtime;
using internal::Pair;

TEST(Buffered, ReadsLinesAndRecords) {
  on_runtime([] {
    Pair pair = connected();
    internal::Joined joined([&] {
      BufferedWriter writer(pair.client, 16);
      for (const char* text : {"one\r\n", "two\n", "\n", "12345678901234567890", "1234\nlast"})
        EXPECT_TRUE(writer.write(text));
      EXPECT_TRUE(writer.flush());
      EXPECT_TRUE(pair.client.close_write());
    });
    BufferedReader reader(pair.server, 16);
    EXPECT_EQ(*reader.read_line(), "one");
    EXPECT_EQ(*reader.read_line(), "two");
    EXPECT_EQ(*reader.read_line(), "");
    char record[4];
    ASSERT_TRUE(reader.read_exactly(record));
    EXPECT_EQ(std::string_view(record, 4), "1234");
    EXPECT_EQ(*reader.read_line(), "56789012345678901234");
    EXPECT_EQ(*reader.read_line(), "last");
    EXPECT_EQ(reader.read_line().error().code(), Code::out_of_range);
    EXPECT_EQ(*reader.read_until('x'), "");
    EXPECT_EQ(reader.read_exactly(record).error().code(), Code::unavailable);
  });
}

TEST(Buffered, BoundsALine) {
  on_runtime([] {
    Pair pair = connected();
    EXPECT_TRUE(pair.client.write(std::string(1000, 'x') + "\n"));
    BufferedReader reader(pair.server);
    EXPECT_EQ(reader.read_line(999).error().code(), Code::resource_exhausted);
    EXPECT_EQ(reader.read_line(1001)->size(), 1000u);
  });
}

}  // namespace
}  // namespace sluice::net
