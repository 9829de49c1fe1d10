// SPDX-License-Identifier: Apache-2.0

#include "sluice/chan/select.h"

#include <any>
#include <array>
#include <atomic>
#include <cmath>
#include <thread>

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

TEST(Select, ReturnsThePositionOfTheCaseTaken) {
  Channel<int> empty, ready{1};
  ready.send(1);
  EXPECT_EQ(select(on_receive(empty), on_receive(ready), on_default()), 1u);
  EXPECT_EQ(select(on_receive(empty), on_receive(ready), on_default()), 2u);
  EXPECT_EQ(select(on_default(), on_receive(empty), on_send(ready, 1)), 2u);
}

TEST(Select, RunsOnlyTheHandlerOfTheCaseTaken) {
  Channel<int> full{1}, room{1};
  full.send(1);
  int ran = 0;
  select(on_send(full, 2, [&] { ran += 1; }), on_send(room, 3, [&] { ran += 10; }),
         on_default([&] { ran += 100; }));
  EXPECT_EQ(ran, 10);
}

TEST(Select, HandsTheValueToTheHandler) {
  Channel<int> channel{3};
  for (int i = 1; i <= 3; ++i) channel.send(i);
  Channel<int> other;
  int plain = 0, optional = 0, ignored = 0;
  select(on_receive(channel, [&](int value) { plain = value; }), on_receive(other));
  select(on_receive(channel, [&](std::optional<int> value) { optional = *value; }),
         on_receive(other));
  select(on_receive(channel, [&] { ++ignored; }), on_receive(other));
  EXPECT_EQ(plain, 1);
  EXPECT_EQ(optional, 2);
  EXPECT_EQ(ignored, 1);
  EXPECT_EQ(channel.size(), 0u);
}

TEST(Select, ClosedChannelGivesNulloptOrTheZeroValue) {
  Channel<int> closed;
  closed.close();
  int plain = -1;
  bool nothing = false;
  select(on_receive(closed, [&](int value) { plain = value; }));
  select(on_receive(closed, [&](std::optional<int> value) { nothing = !value; }));
  EXPECT_EQ(plain, 0);
  EXPECT_TRUE(nothing);
}

TEST(Select, DefaultIsTakenOnlyIfNothingIsReady) {
  Channel<int> channel{1};
  EXPECT_EQ(select(on_receive(channel), on_default()), 1u);
  EXPECT_EQ(select(on_send(channel, 1), on_default()), 0u);
  EXPECT_EQ(select(on_send(channel, 1), on_default()), 1u);
  EXPECT_EQ(select(on_receive(channel), on_default()), 0u);
}

TEST(Select, WithOnlyADefaultTakesIt) { EXPECT_EQ(select(on_default()), 0u); }

TEST(Select, NilIsNeverReady) {
  Channel<int> nil = Channel<int>::nil(), ready{1};
  ready.send(1);
  EXPECT_EQ(select(on_receive(nil), on_send(nil, 1), on_default()), 2u);
  EXPECT_EQ(select(on_receive(nil), on_default()), 1u);
  EXPECT_EQ(select(on_receive(nil), on_send(nil, 1), on_receive(ready)), 2u);
}

TEST(Select, OfNothingWaitsForEver) {
  static std::atomic<int> started, passed;
  started = passed = 0;
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Channel<int> nil = Channel<int>::nil();
    go([] { ++started, select(), ++passed; });
    go([=] { ++started, select(on_receive(nil)), ++passed; });
    go([=] { ++started, select(on_send(nil, 1)), ++passed; });
    go([=] { ++started, select(on_send(nil, 1), on_receive(nil)), ++passed; });
    while (started < 4) yield();
    for (int i = 0; i < 1000; ++i) yield();
  });
  EXPECT_EQ(passed, 0);
}

TEST(Select, WaitsUntilOneCaseCanGoAhead) {
  on_any_processors([] {
    Channel<int> a, b;
    Channel<size_t> taken{1};
    go_and_wait_in(b, [=] { taken.send(select(on_receive(a), on_receive(b))); });
    EXPECT_EQ(taken.size(), 0u);
    b.send(1);
    EXPECT_EQ(taken.receive(), 1u);
  });
}

TEST(Select, LeavesNoWaiterBehind) {
  on_any_processors([] {
    Channel<int> a, b, c;
    Channel<Unit> over;
    go([=] {
      select(on_receive(a), on_send(b, 1), on_receive(c));
      over.send({});
    });
    await_receiver(c);
    await_receiver(a);
    await_sender(b);
    c.send(1);
    over.receive();
    EXPECT_FALSE(has_receiver(a));
    EXPECT_FALSE(has_sender(b));
    EXPECT_FALSE(has_receiver(c));
    EXPECT_FALSE(a.try_send(1));
    EXPECT_EQ(b.try_receive(), std::nullopt);
  });
}

TEST(Select, TakesOneCaseThoughManyBecomeReady) {
  on_any_processors([] {
    for (int round = 0; round < 100; ++round) {
      Channel<int> a{1}, b{1};
      Channel<size_t> taken{1};
      go([=] { taken.send(select(on_receive(a), on_receive(b))); });
      go([=] { a.send(1); });
      go([=] { b.send(1); });
      size_t winner = *taken.receive();
      EXPECT_EQ((winner == 0 ? b : a).receive(), 1);
      EXPECT_EQ(a.size() + b.size(), 0u);
    }
  });
}

TEST(Select, TwoSelectsMeet) {
  on_any_processors([] {
    for (int round = 0; round < 100; ++round) {
      Channel<int> a, b;
      Channel<int> got{1};
      go([=] {
        auto keep = [&](int value) { got.send(value); };
        select(on_receive(a, keep), on_receive(b, keep));
      });
      size_t sent = select(on_send(a, 10), on_send(b, 11));
      EXPECT_EQ(got.receive(), 10 + int(sent));
    }
  });
}

TEST(Select, NeverServesItself) {
  on_any_processors([] {
    Channel<int> channel;
    Channel<size_t> taken{1};
    go([=] { taken.send(select(on_send(channel, 1), on_receive(channel))); });
    await_sender(channel);
    await_receiver(channel);
    EXPECT_EQ(taken.size(), 0u);
    EXPECT_EQ(channel.receive(), 1);
    EXPECT_EQ(taken.receive(), 0u);
  });
}

TEST(Select, ChoosesEvenlyAmongReadyCases) {
  constexpr int trials = 20000;
  Channel<int> never;
  std::array<int, 4> taken{};
  Channel<int> a{1}, b{1}, c{1}, d{1};
  for (auto& each : {a, b, c, d}) each.send(1);
  for (int i = 0; i < trials; ++i) {
    size_t position = select(on_receive(a), on_receive(never), on_receive(b), on_receive(never),
                             on_receive(c), on_receive(d));
    constexpr std::array<size_t, 6> number{0, 0, 1, 0, 2, 3};
    ++taken[number[position]];
    for (auto& each : {a, b, c, d}) each.try_send(1);
  }
  // Ten sigmas of a fair choice.
  double sigma = std::sqrt(trials * 0.25 * 0.75);
  for (int count : taken) EXPECT_NEAR(count, trials / 4.0, 10 * sigma);
}

TEST(Select, HandlersMayUseTheSameChannels) {
  Channel<int> a{1}, b{1};
  a.send(1);
  select(on_receive(a,
                    [&](int value) {
                      a.send(value + 1);
                      select(on_send(b, 5), on_default());
                      a.close();
                    }),
         on_receive(b));
  EXPECT_EQ(a.receive(), 2);
  EXPECT_EQ(b.receive(), 5);
}

// Where several cases of one select wait in one channel, a value that comes lets all of them go
// ahead: each is equally likely then too.
TEST(Select, ChoosesEvenlyAmongCasesThatWaitInOneChannel) {
  on_processors(1, [] {
    Channel<int> channel;
    Channel<Unit> counted;
    constexpr int rounds = 6000;
    std::array<int, 3> taken{};
    for (int i = 0; i < rounds; ++i) {
      internal::go_and_wait_in(channel, [&] {
        ++taken[select(on_receive(channel), on_receive(channel), on_receive(channel))];
        counted.send({});
      });
      channel.send(i);
      counted.receive();
    }
    // 2000 each, with a standard deviation of 37.
    for (int count : taken) EXPECT_GT(count, 1750);
  });
}

// std::any can be made of anything, also of the std::optional<std::any> that a handler may ask for.
TEST(Select, HandlerGetsWhatItsParameterSays) {
  Channel<std::any> channel{2};
  channel.send(std::any(5));
  channel.send(std::any(6));
  int got = 0;
  select(on_receive(channel, [&](std::any value) { got = std::any_cast<int>(value); }));
  EXPECT_EQ(got, 5);
  select(on_receive(channel,
                    [&](std::optional<std::any> value) { got = std::any_cast<int>(*value); }));
  EXPECT_EQ(got, 6);
  channel.close();
  select(on_receive(channel, [&](std::any value) { EXPECT_FALSE(value.has_value()); }));
}

TEST(Select, KeepsTemporaryChannelsAlive) {
  auto make = [] {
    Channel<int> channel{1};
    channel.send(9);
    return channel.receive_only();
  };
  int got = 0;
  select(on_receive(make(), [&](int value) { got = value; }), on_receive(Channel<int>{}));
  EXPECT_EQ(got, 9);
}

TEST(Select, WorksFromAPlainThread) {
  on_any_processors([] {
    Channel<int> a, b, back{1};
    std::thread thread([=] {
      for (int i = 0; i < 100; ++i)
        select(on_receive(a, [&](int value) { back.send(value); }),
               on_receive(b, [&](int value) { back.send(-value); }));
    });
    for (int i = 0; i < 50; ++i) {
      a.send(i);
      EXPECT_EQ(back.receive(), i);
      b.send(i);
      EXPECT_EQ(back.receive(), -i);
    }
    blocking([&] { thread.join(); });
  });
}

TEST(Select, TakesUpTo64Channels) {
  Channel<int> c;
  Channel<int> last{1};
  last.send(1);
  auto with = [&]<size_t... i>(std::index_sequence<i...>) {
    return select(on_receive((void(i), c))..., on_receive(last));
  };
  EXPECT_EQ(with(std::make_index_sequence<63>()), 63u);
}

TEST(SelectDeathTest, SendOnClosedIsNamed) {
  Channel<int> closed, other;
  closed.close();
  EXPECT_DEATH(select(on_send(closed, 1)), "send on closed channel");
  EXPECT_DEATH(select(on_send(closed, 1), on_default()), "send on closed channel");
  EXPECT_DEATH(select(on_send(closed, 1), on_receive(other)), "send on closed channel");
}

}  // namespace
}  // namespace sluice
