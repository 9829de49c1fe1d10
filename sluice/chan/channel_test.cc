// SPDX-License-Identifier: Apache-2.0

#include "sluice/chan/channel.h"

#include <atomic>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/internal/test_support.h"

namespace sluice {
namespace {

using internal::await_receiver;
using internal::await_sender;
using internal::go_and_wait_in;
using internal::has_receiver;
using internal::has_sender;
using internal::on_any_processors;
using internal::on_processors;

TEST(Channel, DefaultIsUnbuffered) {
  Channel<int> channel;
  EXPECT_EQ(channel.capacity(), 0u);
  EXPECT_EQ(channel.size(), 0u);
}

TEST(Channel, SizeCountsWhatIsBuffered) {
  Channel<int> channel{3};
  channel.send(1);
  channel.send(2);
  EXPECT_EQ(channel.size(), 2u);
  channel.receive();
  EXPECT_EQ(channel.size(), 1u);
  EXPECT_EQ(channel.capacity(), 3u);
}

TEST(Channel, NilHasNoSizeAndNoCapacity) {
  EXPECT_EQ(Channel<int>::nil().size(), 0u);
  EXPECT_EQ(Channel<int>::nil().capacity(), 0u);
}

TEST(Channel, CopiesAreTheSameChannel) {
  Channel<int> channel{1};
  Channel<int> copy = channel;
  copy.send(5);
  EXPECT_EQ(channel.receive(), 5);
  EXPECT_EQ(copy, channel);
}

TEST(Channel, TwoChannelsDiffer) { EXPECT_FALSE(Channel<int>{} == Channel<int>{}); }

TEST(Channel, MovedFromIsNil) {
  Channel<int> channel{1};
  Channel<int> other = std::move(channel);
  EXPECT_EQ(channel, Channel<int>::nil());
}

TEST(Channel, BufferIsFirstInFirstOut) {
  Channel<int> channel{4};
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) channel.send(round * 4 + i);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(channel.receive(), round * 4 + i);
  }
}

TEST(Channel, SendWaitsWhenFull) {
  on_any_processors([] {
    Channel<int> channel{1};
    channel.send(1);
    Channel<Unit> sent{1};
    go_and_wait_in(channel, [=] {
      channel.send(2);
      sent.send({});
    });
    EXPECT_TRUE(has_sender(channel));
    EXPECT_EQ(sent.size(), 0u);
    EXPECT_EQ(channel.receive(), 1);
    EXPECT_EQ(channel.receive(), 2);
    sent.receive();
  });
}

TEST(Channel, UnbufferedSendWaitsForItsReceiver) {
  on_any_processors([] {
    Channel<int> channel;
    Channel<Unit> sent{1};
    go_and_wait_in(channel, [=] {
      channel.send(1);
      sent.send({});
    });
    EXPECT_EQ(sent.size(), 0u);
    EXPECT_EQ(channel.receive(), 1);
    sent.receive();
  });
}

TEST(Channel, ReceiveWaitsWhenEmpty) {
  on_any_processors([] {
    for (size_t capacity : {0, 1, 7}) {
      Channel<int> channel{capacity};
      Channel<int> got{1};
      go_and_wait_in(channel, [=] { got.send(*channel.receive()); });
      EXPECT_TRUE(has_receiver(channel));
      EXPECT_EQ(got.size(), 0u);
      channel.send(7);
      EXPECT_EQ(got.receive(), 7);
    }
  });
}

TEST(Channel, ValueGoesPastTheBufferToAWaitingReceiver) {
  on_processors(1, [] {
    Channel<int> channel{8};
    go_and_wait_in(channel, [=] { channel.receive(); });
    channel.send(1);
    EXPECT_EQ(channel.size(), 0u);
  });
}

TEST(Channel, WaitingSenderRefillsTheBufferAtItsEnd) {
  on_any_processors([] {
    Channel<int> channel{2};
    channel.send(1);
    channel.send(2);
    go_and_wait_in(channel, [=] { channel.send(3); });
    EXPECT_EQ(channel.receive(), 1);
    EXPECT_EQ(channel.size(), 2u);
    EXPECT_EQ(channel.receive(), 2);
    EXPECT_EQ(channel.receive(), 3);
  });
}

TEST(Channel, WaitingReceiversAreServedFirstComeFirstServed) {
  on_any_processors([] {
    Channel<int> channel;
    Channel<std::pair<int, int>> got{8};
    for (int i = 0; i < 8; ++i) go_and_wait_in(channel, [=] { got.send({i, *channel.receive()}); });
    for (int i = 0; i < 8; ++i) channel.send(i);
    for (int i = 0; i < 8; ++i) {
      auto [receiver, value] = *got.receive();
      EXPECT_EQ(receiver, value);
    }
  });
}

TEST(Channel, WaitingSendersAreServedFirstComeFirstServed) {
  on_any_processors([] {
    for (size_t capacity : {0, 2}) {
      Channel<int> channel{capacity};
      for (size_t i = 0; i < capacity; ++i) channel.send(int(i));
      for (int i = int(capacity); i < 8; ++i) go_and_wait_in(channel, [=] { channel.send(i); });
      for (int i = 0; i < 8; ++i) EXPECT_EQ(channel.receive(), i);
    }
  });
}

TEST(Channel, TrySendOnFullFailsAndKeepsTheValue) {
  Channel<std::string> channel{1};
  channel.send("first");
  std::string second = "a second one, too long for the small string buffer";
  EXPECT_FALSE(channel.try_send(std::move(second)));
  EXPECT_EQ(second, "a second one, too long for the small string buffer");
}

TEST(Channel, TrySendCopiesAnLvalue) {
  Channel<std::string> channel{1};
  const std::string value = "kept";
  EXPECT_TRUE(channel.try_send(value));
  EXPECT_EQ(value, "kept");
  EXPECT_EQ(channel.receive(), "kept");
}

TEST(Channel, TrySendServesAWaitingReceiver) {
  on_any_processors([] {
    Channel<int> channel;
    Channel<int> got{1};
    EXPECT_FALSE(channel.try_send(1));
    go_and_wait_in(channel, [=] { got.send(*channel.receive()); });
    EXPECT_TRUE(channel.try_send(2));
    EXPECT_EQ(got.receive(), 2);
  });
}

TEST(Channel, TryReceiveTakesFromAWaitingSender) {
  on_any_processors([] {
    Channel<int> channel;
    EXPECT_EQ(channel.try_receive(), std::nullopt);
    go_and_wait_in(channel, [=] { channel.send(3); });
    EXPECT_EQ(channel.try_receive(), 3);
  });
}

TEST(Channel, TryOnNilNeverSucceeds) {
  EXPECT_FALSE(Channel<int>::nil().try_send(1));
  EXPECT_EQ(Channel<int>::nil().try_receive(), std::nullopt);
}

TEST(Channel, OperationsOnNilWaitForEver) {
  static std::atomic<int> started, passed;
  started = passed = 0;
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    go([] { ++started, Channel<int>::nil().send(1), ++passed; });
    go([] { ++started, Channel<int>::nil().receive(), ++passed; });
    while (started < 2) yield();
    for (int i = 0; i < 1000; ++i) yield();
  });
  EXPECT_EQ(passed, 0);
}

TEST(Channel, RangeReceivesUntilClosed) {
  on_any_processors([] {
    Channel<int> channel;
    go([=] {
      for (int i = 0; i < 100; ++i) channel.send(i);
      channel.close();
    });
    int expected = 0;
    for (int value : channel) EXPECT_EQ(value, expected++);
    EXPECT_EQ(expected, 100);
  });
}

TEST(Channel, RangeYieldsReferencesToMoveFrom) {
  Channel<std::unique_ptr<int>> channel{2};
  channel.send(std::make_unique<int>(4));
  channel.close();
  std::vector<std::unique_ptr<int>> kept;
  for (std::unique_ptr<int>& value : channel) kept.push_back(std::move(value));
  EXPECT_EQ(*kept.at(0), 4);
}

TEST(Channel, SharedByGoroutinesAndPlainThreads) {
  on_any_processors([] {
    Channel<int> there, back;
    std::thread thread([=] {
      for (int value : there) back.send(value + 1);
      back.close();
    });
    for (int i = 0; i < 100; ++i) {
      there.send(i);
      EXPECT_EQ(back.receive(), i + 1);
    }
    there.close();
    EXPECT_EQ(back.receive(), std::nullopt);
    blocking([&] { thread.join(); });
  });
}

TEST(Channel, WorksBetweenThreadsWithoutARuntime) {
  for (size_t capacity : {0, 1, 16}) {
    Channel<int> channel{capacity};
    std::thread sender([=] {
      for (int i = 0; i < 1000; ++i) channel.send(i);
      channel.close();
    });
    int expected = 0;
    for (int value : channel) EXPECT_EQ(value, expected++);
    EXPECT_EQ(expected, 1000);
    sender.join();
  }
}

TEST(Channel, MayBeDestroyedByTheReceiverOfTheLastValue) {
  on_any_processors([] {
    for (int i = 0; i < 1000; ++i) {
      Channel<int> channel{size_t(i % 2)};
      // By reference on purpose: the sender has no handle of its own.
      go([&channel] { channel.send(1); });
      channel.receive();
    }
  });
}

TEST(Channel, MayHoldItsOwnKind) {
  struct Node {
    Channel<Node> replies;
  };
  Channel<Node> nodes{1};
  nodes.send(Node{Channel<Node>{1}});
  EXPECT_EQ(nodes.receive()->replies.capacity(), 1u);
}

TEST(Channel, HonoursLargeAlignment) {
  struct alignas(128) Line {
    explicit Line(int v) : value(v) {}
    Line(Line&& other) noexcept : value(other.value) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(this) % 128, 0u);
    }
    int value;
  };
  Channel<Line> channel{3};
  for (int i = 0; i < 3; ++i) channel.send(Line(i));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(channel.receive()->value, i);
}

TEST(Channel, UnitTakesNoRoomButIsCounted) {
  Channel<Unit> channel{1'000'000};
  for (int i = 0; i < 1000; ++i) channel.send({});
  EXPECT_EQ(channel.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(channel.receive().has_value());
  EXPECT_EQ(channel.try_receive(), std::nullopt);
}

TEST(ChannelDeathTest, CapacityOutOfRangeIsNamed) {
  EXPECT_DEATH(Channel<Unit>{size_t{1} << 29}, "channel: capacity out of range");
}

}  // namespace
}  // namespace sluice
