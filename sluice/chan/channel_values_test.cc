// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/internal/test_support.h"
#include "sluice/chan/select.h"

namespace sluice {
namespace {

using internal::Counted;
using internal::go_and_wait_in;
using internal::on_any_processors;

// Every test in this file: all values are destroyed, each once.
class ChannelValues : public testing::Test {
 protected:
  void SetUp() override {
    Counted::alive = 0;
    Counted::broken = 0;
  }
  void TearDown() override {
    EXPECT_EQ(Counted::alive, 0);
    EXPECT_EQ(Counted::broken, 0);
  }
};

TEST_F(ChannelValues, LeftInTheBufferAreDestroyedWithTheLastHandle) {
  Channel<Counted> channel{4};
  for (int i = 0; i < 3; ++i) channel.send(Counted(i));
  {
    Channel<Counted> last = std::move(channel);
    EXPECT_EQ(Counted::alive, 3);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST_F(ChannelValues, WrappedAroundTheRingAreDestroyedToo) {
  Channel<Counted> channel{3};
  for (int i = 0; i < 5; ++i) {
    channel.send(Counted(i));
    if (i < 3) {
      EXPECT_EQ(channel.receive()->number(), i);
    }
  }
}

TEST_F(ChannelValues, ThroughTheBufferKeepTheirIdentity) {
  Channel<Counted> channel{2};
  channel.send(Counted(1));
  channel.send(Counted(2));
  EXPECT_EQ(channel.receive()->number(), 1);
  EXPECT_EQ(channel.try_receive()->number(), 2);
}

TEST_F(ChannelValues, HandedToAWaitingReceiver) {
  on_any_processors([] {
    Channel<Counted> channel;
    Channel<int> got{1};
    go_and_wait_in(channel, [=] { got.send(channel.receive()->number()); });
    channel.send(Counted(5));
    EXPECT_EQ(got.receive(), 5);
  });
}

TEST_F(ChannelValues, TakenFromAWaitingSender) {
  on_any_processors([] {
    Channel<Counted> channel;
    Channel<Unit> sent;
    go_and_wait_in(channel, [=] {
      channel.send(Counted(6));
      sent.send({});
    });
    EXPECT_EQ(channel.receive()->number(), 6);
    sent.receive();
  });
}

TEST_F(ChannelValues, TakenFromTheBufferWhileASenderRefillsIt) {
  on_any_processors([] {
    Channel<Counted> channel{1};
    Channel<Unit> sent;
    channel.send(Counted(1));
    go_and_wait_in(channel, [=] {
      channel.send(Counted(2));
      sent.send({});
    });
    EXPECT_EQ(channel.receive()->number(), 1);
    EXPECT_EQ(channel.receive()->number(), 2);
    sent.receive();
  });
}

TEST_F(ChannelValues, OfAFailedTrySendStayWithTheCaller) {
  Channel<Counted> channel;
  Counted value(7);
  EXPECT_FALSE(channel.try_send(std::move(value)));
  EXPECT_EQ(value.number(), 7);
}

TEST_F(ChannelValues, OfASelectCaseNotTakenAreDropped) {
  Channel<Counted> full{1}, room{1};
  full.send(Counted(1));
  EXPECT_EQ(select(on_send(full, Counted(2)), on_send(room, Counted(3))), 1u);
  EXPECT_EQ(Counted::alive, 2);
  EXPECT_EQ(room.receive()->number(), 3);
}

TEST_F(ChannelValues, ReachTheSelectHandlerByMove) {
  Channel<std::unique_ptr<Counted>> channel{1};
  channel.send(std::make_unique<Counted>(8));
  std::unique_ptr<Counted> got;
  select(on_receive(channel, [&](std::unique_ptr<Counted> value) { got = std::move(value); }));
  EXPECT_EQ(got->number(), 8);
}

TEST_F(ChannelValues, IgnoredByTheHandlerAreDestroyed) {
  Channel<Counted> channel{1};
  channel.send(Counted(1));
  EXPECT_EQ(select(on_receive(channel)), 0u);
  EXPECT_EQ(Counted::alive, 0);
}

TEST_F(ChannelValues, SurviveAHandlerThatThrows) {
  Channel<Counted> channel{1};
  channel.send(Counted(1));
  EXPECT_THROW(select(on_receive(channel, [](Counted) { throw 1; })), int);
  EXPECT_TRUE(channel.try_send(Counted(2)));
}

TEST_F(ChannelValues, MoveOnlyThroughEveryPath) {
  on_any_processors([] {
    for (size_t capacity : {0, 1, 3}) {
      Channel<std::unique_ptr<Counted>> channel{capacity};
      go([=] {
        for (int i = 0; i < 100; ++i) channel.send(std::make_unique<Counted>(i));
        channel.close();
      });
      int expected = 0;
      for (std::unique_ptr<Counted>& value : channel) EXPECT_EQ(value->number(), expected++);
      EXPECT_EQ(expected, 100);
    }
  });
}

TEST_F(ChannelValues, LongStringsArriveWhole) {
  on_any_processors([] {
    Channel<std::string> channel{2};
    go([=] {
      for (int i = 0; i < 100; ++i) channel.send(std::string(size_t(i) * 10, 'x'));
      channel.close();
    });
    size_t expected = 0;
    for (const std::string& value : channel) EXPECT_EQ(value.size(), 10 * expected++);
  });
}

TEST_F(ChannelValues, SentByManyAndDroppedWithTheChannel) {
  on_any_processors([] {
    Channel<Counted> channel{64};
    Channel<Unit> done;
    for (int g = 0; g < 4; ++g)
      go([=] {
        for (int i = 0; i < 10; ++i) channel.send(Counted(i));
        done.send({});
      });
    for (int g = 0; g < 4; ++g) done.receive();
    EXPECT_EQ(Counted::alive, 40);
  });
}

}  // namespace
}  // namespace sluice
