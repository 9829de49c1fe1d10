// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/proto_writer.h"

#include <gtest/gtest.h>

namespace sluice::debug::internal {
namespace {

using namespace std::string_literals;

TEST(ProtoWriter, WritesNumbersAsVarints) {
  ProtoWriter out;
  out.number(1, 150);
  EXPECT_EQ(out.text(), "\x08\x96\x01"s);
  out.number(2, 0);
  EXPECT_EQ(out.text(), "\x08\x96\x01\x10\x00"s);
}

TEST(ProtoWriter, WritesTheLargestNumberInTenBytes) {
  ProtoWriter out;
  out.number(15, UINT64_MAX);
  EXPECT_EQ(out.text(), "\x78\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
}

TEST(ProtoWriter, WritesStringsWithTheirLength) {
  ProtoWriter out;
  out.bytes(2, "testing");
  EXPECT_EQ(out.text(), "\x12\x07testing"s);
}

TEST(ProtoWriter, NestsAndPacks) {
  ProtoWriter inner;
  inner.number(1, 150);
  ProtoWriter out;
  out.message(3, inner);
  EXPECT_EQ(out.text(), "\x1a\x03\x08\x96\x01"s);
  ProtoWriter packed;
  uint64_t values[] = {3, 270, 86942};
  packed.numbers(6, values);
  EXPECT_EQ(packed.text(), "\x32\x06\x03\x8e\x02\x9e\xa7\x05"s);
}

TEST(ProtoWriter, AFieldNumberAboveFifteenTakesTwoBytes) {
  ProtoWriter out;
  out.number(16, 1);
  EXPECT_EQ(out.text(), "\x80\x01\x01"s);
}

}  // namespace
}  // namespace sluice::debug::internal
