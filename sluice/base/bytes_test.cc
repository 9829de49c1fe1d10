// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/bytes.h"

#include <algorithm>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice {
namespace {

// What read(2) does with prepared space.
void fill(Buffer& buffer, Bytes bytes) {
  MutableBytes space = buffer.prepare(bytes.size());
  ASSERT_GE(space.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), space.begin());
  buffer.commit(bytes.size());
}

TEST(Buffer, BeginsEmptyAndWithoutMemory) {
  const Buffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.readable(), "");
  EXPECT_EQ(buffer.capacity(), 0u);
}

TEST(Buffer, ReadsInTheOrderOfAppends) {
  Buffer buffer;
  buffer.append("one ");
  buffer.append("");
  buffer.append("two");
  EXPECT_EQ(buffer.readable(), "one two");
  EXPECT_EQ(buffer.size(), 7u);
}

TEST(Buffer, PreparedBytesAreReadableOnceCommitted) {
  Buffer buffer;
  MutableBytes space = buffer.prepare(10);
  ASSERT_GE(space.size(), 10u);
  space[0] = 'a';
  space[1] = 'b';
  EXPECT_TRUE(buffer.empty());
  buffer.commit(1);
  EXPECT_EQ(buffer.readable(), "a");
}

TEST(Buffer, ConsumeDropsTheFront) {
  Buffer buffer;
  buffer.append("header body");
  buffer.consume(7);
  EXPECT_EQ(buffer.readable(), "body");
  buffer.consume(4);
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, ConsumedSpaceIsUsedAgain) {
  Buffer buffer(1024);
  const size_t capacity = buffer.capacity();
  for (int i = 0; i < 1000; ++i) {
    fill(buffer, std::string(700, 'x'));
    buffer.consume(650);
    buffer.consume(50);
  }
  EXPECT_EQ(buffer.capacity(), capacity);
}

TEST(Buffer, AppendOfAPartOfItselfIsSafe) {
  Buffer buffer;
  buffer.append("abc");
  for (int i = 0; i < 10; ++i) buffer.append(buffer.readable());
  EXPECT_EQ(buffer.size(), 3u << 10);
  EXPECT_EQ(buffer.readable().substr(0, 6), "abcabc");
  EXPECT_EQ(buffer.readable().substr(3069), "abc");
}

TEST(Buffer, AppendOfItselfAfterConsumeIsSafe) {
  Buffer buffer(256);
  buffer.append(std::string(200, '-') + std::string(56, 'x'));
  buffer.consume(200);
  buffer.append(buffer.readable());
  EXPECT_EQ(buffer.readable(), std::string(112, 'x'));
}

TEST(Buffer, ReserveMakesRoomOnce) {
  Buffer buffer;
  buffer.reserve(10'000);
  const char* memory = buffer.prepare(1).data();
  buffer.append(std::string(10'000, 'x'));
  EXPECT_EQ(buffer.readable().data(), memory);
}

TEST(Buffer, ClearKeepsTheMemory) {
  Buffer buffer;
  buffer.append("text");
  const size_t capacity = buffer.capacity();
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.capacity(), capacity);
}

TEST(Buffer, ReleaseGivesTheMemoryOfAnEmptyOneBack) {
  Buffer buffer;
  buffer.append("text");
  buffer.release();
  EXPECT_EQ(buffer.readable(), "text");
  buffer.consume(4);
  buffer.release();
  EXPECT_EQ(buffer.capacity(), 0u);
  buffer.append("again");
  EXPECT_EQ(buffer.readable(), "again");
}

TEST(Buffer, MovedFromIsEmptyAndUsable) {
  Buffer buffer;
  buffer.append("text");
  Buffer other = std::move(buffer);
  EXPECT_EQ(other.readable(), "text");
  EXPECT_TRUE(buffer.empty());  // NOLINT(bugprone-use-after-move): the claim
  buffer.append("new");
  buffer = std::move(other);
  EXPECT_EQ(buffer.readable(), "text");
  EXPECT_EQ(other.capacity(), 0u);  // NOLINT(bugprone-use-after-move): the claim
}

TEST(Buffer, ReadableBytesMayBeChangedInPlace) {
  Buffer buffer;
  buffer.append("text");
  buffer.readable_mutable()[0] = 'n';
  EXPECT_EQ(buffer.readable(), "next");
}

TEST(Buffer, RandomTrafficComesOutAsItWentIn) {
  std::mt19937 random(1);
  Buffer buffer;
  std::string expected;
  for (int round = 0; round < 20'000; ++round) {
    std::string piece(random() % 900, static_cast<char>('a' + round % 26));
    if (random() % 2 == 0)
      buffer.append(piece);
    else
      fill(buffer, piece);
    expected += piece;
    const size_t n = random() % (expected.size() + 1);
    ASSERT_EQ(buffer.readable(), expected);
    buffer.consume(n);
    expected.erase(0, n);
  }
  EXPECT_LT(buffer.capacity(), 64u << 10);
}

TEST(BufferDeathTest, CommitOfMoreThanPreparedIsABug) {
  Buffer buffer;
  const size_t space = buffer.prepare(1).size();
  EXPECT_DEATH(buffer.commit(space + 1), "commit of more than was prepared");
}

TEST(BufferDeathTest, ConsumeOfMoreThanReadableIsABug) {
  Buffer buffer;
  buffer.append("abc");
  EXPECT_DEATH(buffer.consume(4), "consume of more than is readable");
}

TEST(BufferDeathTest, SizeGoneWrongEndsTheProcess) {
  Buffer buffer;
  buffer.append("x");
  EXPECT_DEATH((void)buffer.prepare(static_cast<size_t>(-1)), "a buffer beyond memory");
}

}  // namespace
}  // namespace sluice
