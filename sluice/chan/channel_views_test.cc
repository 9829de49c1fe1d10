// SPDX-License-Identifier: Apache-2.0

#include <type_traits>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"

namespace sluice {
namespace {

template <class C>
concept CanSend = requires(const C& channel) { channel.send(1); };
template <class C>
concept CanTrySend = requires(const C& channel) { channel.try_send(1); };
template <class C>
concept CanReceive = requires(const C& channel) { *channel.receive(); };
template <class C>
concept CanClose = requires(const C& channel) { channel.close(); };
template <class C>
concept CanRange = requires(const C& channel) { *channel.begin(); };
template <class C>
concept CanSelectSend = requires(const C& channel) { on_send(channel, 1); };
template <class C>
concept CanSelectReceive = requires(const C& channel) { on_receive(channel); };

using Both = Channel<int>;
using Send = SendChannel<int>;
using Receive = ReceiveChannel<int>;

// Go's test/chan/perm.go, by the compiler.
static_assert(std::is_convertible_v<Both, Send> && std::is_convertible_v<Both, Receive>);
static_assert(!std::is_constructible_v<Both, Send> && !std::is_constructible_v<Both, Receive>);
static_assert(!std::is_constructible_v<Receive, Send> && !std::is_constructible_v<Send, Receive>);
static_assert(!std::is_constructible_v<Send, Channel<long>>);
static_assert(CanSend<Both> && CanSend<Send> && !CanSend<Receive>);
static_assert(CanTrySend<Both> && CanTrySend<Send> && !CanTrySend<Receive>);
static_assert(CanReceive<Both> && CanReceive<Receive> && !CanReceive<Send>);
static_assert(CanRange<Both> && CanRange<Receive> && !CanRange<Send>);
static_assert(CanClose<Both> && CanClose<Send> && !CanClose<Receive>);
static_assert(CanSelectSend<Both> && CanSelectSend<Send> && !CanSelectSend<Receive>);
static_assert(CanSelectReceive<Both> && CanSelectReceive<Receive> && !CanSelectReceive<Send>);

struct ThrowsWhenMoved {
  ThrowsWhenMoved(ThrowsWhenMoved&&) noexcept(false) {}
};
static_assert(!ChannelElement<ThrowsWhenMoved>);
static_assert(!ChannelElement<int&> && !ChannelElement<const int> && !ChannelElement<void>);
static_assert(ChannelElement<int> && ChannelElement<Unit> && ChannelElement<Channel<int>>);

TEST(ChannelViews, ShareTheirChannel) {
  Channel<int> channel{1};
  SendChannel<int> in = channel;
  ReceiveChannel<int> out = channel;
  in.send(3);
  EXPECT_EQ(out.size(), 1u);
  EXPECT_EQ(out.receive(), 3);
  EXPECT_EQ(in.capacity(), 1u);
}

TEST(ChannelViews, AreMadeByName) {
  Channel<int> channel{1};
  EXPECT_EQ(channel.send_only(), SendChannel<int>(channel));
  EXPECT_EQ(channel.receive_only(), ReceiveChannel<int>(channel));
}

TEST(ChannelViews, KeepTheChannelAlive) {
  ReceiveChannel<int> out = ReceiveChannel<int>::nil();
  {
    Channel<int> channel{1};
    channel.send(4);
    out = channel;
  }
  EXPECT_EQ(out.try_receive(), 4);
}

TEST(ChannelViews, SendSideCloses) {
  Channel<int> channel{1};
  channel.send_only().close();
  EXPECT_EQ(channel.receive_only().receive(), std::nullopt);
}

TEST(ChannelViews, NilViewsAreNil) {
  EXPECT_FALSE(SendChannel<int>::nil().try_send(1));
  EXPECT_EQ(ReceiveChannel<int>::nil().try_receive(), std::nullopt);
}

TEST(ChannelViews, ReceiveSideRanges) {
  Channel<int> channel{3};
  for (int i = 0; i < 3; ++i) channel.send(i);
  channel.close();
  int sum = 0;
  for (int value : channel.receive_only()) sum += value;
  EXPECT_EQ(sum, 3);
}

}  // namespace
}  // namespace sluice
