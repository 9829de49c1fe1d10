// SPDX-License-Identifier: Apache-2.0

#include <atomic>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/internal/test_support.h"
#include "sluice/chan/select.h"

namespace sluice {
namespace {

using internal::go_and_wait_in;
using internal::on_any_processors;
using internal::on_processors;

TEST(ChannelClose, BufferIsDrainedFirst) {
  Channel<int> channel{3};
  for (int i = 0; i < 3; ++i) channel.send(i);
  channel.close();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(channel.receive(), i);
  EXPECT_EQ(channel.receive(), std::nullopt);
}

TEST(ChannelClose, ReceiveAfterDrainingNeverWaits) {
  Channel<int> channel;
  channel.close();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(channel.receive(), std::nullopt);
  EXPECT_EQ(channel.try_receive(), std::nullopt);
}

TEST(ChannelClose, WakesEveryWaitingReceiver) {
  on_any_processors([] {
    for (size_t capacity : {0, 4}) {
      Channel<int> channel{capacity};
      Channel<bool> closed{10};
      for (int i = 0; i < 10; ++i)
        go_and_wait_in(channel, [=] { closed.send(!channel.receive().has_value()); });
      channel.close();
      for (int i = 0; i < 10; ++i) EXPECT_EQ(closed.receive(), true);
    }
  });
}

TEST(ChannelClose, WakesSelectsThatReceive) {
  on_any_processors([] {
    Channel<int> channel, other;
    Channel<size_t> taken{4};
    for (int i = 0; i < 4; ++i)
      go_and_wait_in(channel, [=] {
        taken.send(select(on_receive(other), on_receive(channel, [](std::optional<int> value) {
                            EXPECT_FALSE(value.has_value());
                          })));
      });
    channel.close();
    for (int i = 0; i < 4; ++i) EXPECT_EQ(taken.receive(), 1u);
  });
}

TEST(ChannelClose, HappensBeforeTheReceiveThatSeesIt) {
  on_any_processors([] {
    for (int i = 0; i < 200; ++i) {
      Channel<Unit> done;
      int written = 0;  // plain: the thread sanitizer is the judge
      go([&written, done] {
        written = 1;
        done.close();
      });
      while (select(on_receive(done), on_default(yield)) != 0) {
      }
      EXPECT_EQ(written, 1);
    }
  });
}

TEST(ChannelCloseDeathTest, OfClosedIsNamed) {
  Channel<int> channel;
  channel.close();
  EXPECT_DEATH(channel.close(), "close of closed channel");
}

TEST(ChannelCloseDeathTest, OfNilIsNamed) {
  EXPECT_DEATH(Channel<int>::nil().close(), "close of nil channel");
}

TEST(ChannelCloseDeathTest, SendAfterwardsIsNamed) {
  for (size_t capacity : {0, 1}) {
    Channel<int> channel{capacity};
    channel.close();
    EXPECT_DEATH(channel.send(1), "send on closed channel");
  }
}

TEST(ChannelCloseDeathTest, TrySendAfterwardsIsNamed) {
  for (size_t capacity : {0, 1}) {
    Channel<int> channel{capacity};
    channel.close();
    EXPECT_DEATH(channel.try_send(1), "send on closed channel");
  }
}

TEST(ChannelCloseDeathTest, WaitingSenderIsNamed) {
  EXPECT_DEATH(on_processors(2,
                             [] {
                               Channel<int> channel;
                               go_and_wait_in(channel, [=] { channel.send(1); });
                               channel.close();
                               for (;;) yield();
                             }),
               "send on closed channel");
}

TEST(ChannelCloseDeathTest, WaitingSelectThatSendsIsNamed) {
  EXPECT_DEATH(on_processors(2,
                             [] {
                               Channel<int> channel, other;
                               go_and_wait_in(channel, [=] {
                                 select(on_send(channel, 1), on_send(other, 1));
                               });
                               channel.close();
                               for (;;) yield();
                             }),
               "send on closed channel");
}

}  // namespace
}  // namespace sluice
