// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/chan/internal/test_support.h"
#include "sluice/chan/select.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using internal::has_receiver;
using internal::on_any_processors;

TEST(SelectTimeout, IsTakenWhenNothingElseCan) {
  on_any_processors([] {
    Channel<int> a, b;
    bool timed_out = false;
    Instant start = now();
    EXPECT_EQ(select(on_receive(a), on_send(b, 1), on_timeout(2ms, [&] { timed_out = true; })), 2u);
    EXPECT_TRUE(timed_out);
    EXPECT_GE(now() - start, 2ms);
  });
}

TEST(SelectTimeout, IsNotTakenIfSomethingIsReady) {
  on_any_processors([] {
    Channel<int> channel{1};
    channel.send(1);
    EXPECT_EQ(select(on_timeout(0s), on_receive(channel)), 1u);
    EXPECT_EQ(select(on_timeout(1h), on_send(channel, 1)), 1u);
  });
}

TEST(SelectTimeout, IsNotTakenIfServedInTime) {
  on_any_processors([] {
    Channel<int> channel;
    Channel<size_t> taken;
    go([=] { taken.send(select(on_receive(channel), on_timeout(1h))); });
    internal::await_receiver(channel);
    channel.send(1);
    EXPECT_EQ(taken.receive(), 0u);
  });
}

TEST(SelectTimeout, OfZeroOrLessDoesNotWait) {
  Channel<int> a, b;
  EXPECT_EQ(select(on_receive(a), on_timeout(0s)), 1u);
  EXPECT_EQ(select(on_receive(a), on_receive(b), on_timeout(-1s)), 2u);
}

TEST(SelectTimeout, OfTheGreatestDurationNeverComes) {
  on_any_processors([] {
    Channel<int> channel;
    Channel<size_t> taken{1};
    go([=] { taken.send(select(on_receive(channel), on_timeout(Duration::max()))); });
    internal::await_receiver(channel);
    select(on_timeout(1ms));  // a timer that was due before has fired when this one has
    ASSERT_TRUE(has_receiver(channel));
    channel.send(1);
    EXPECT_EQ(taken.receive(), 0u);
  });
}

TEST(SelectTimeout, AloneIsASleep) {
  on_any_processors([] {
    Instant start = now();
    EXPECT_EQ(select(on_timeout(1ms)), 0u);
    EXPECT_GE(now() - start, 1ms);
  });
}

TEST(SelectTimeout, EndsAWaitOnNilChannels) {
  on_any_processors([] {
    Channel<int> nil = Channel<int>::nil();
    EXPECT_EQ(select(on_receive(nil), on_send(nil, 1), on_timeout(1ms)), 2u);
  });
}

TEST(SelectTimeout, LeavesNoWaiterBehind) {
  on_any_processors([] {
    Channel<int> a, b;
    select(on_receive(a), on_send(b, 1), on_timeout(1ms));
    EXPECT_FALSE(has_receiver(a));
    EXPECT_FALSE(internal::has_sender(b));
  });
}

TEST(SelectTimeout, WorksFromAPlainThread) {
  on_any_processors([] {
    Channel<int> channel;
    size_t taken = 9;
    std::thread thread([&] { taken = select(on_receive(channel), on_timeout(1ms)); });
    blocking([&] { thread.join(); });
    EXPECT_EQ(taken, 1u);
  });
}

// The timer fires while the channel serves: whoever wins, a value is received once or stays with
// the sender, and the frame that both point into is left only when neither can touch it.
TEST(SelectTimeout, RacesWithAValueWithoutLosingIt) {
  on_any_processors([] {
    Channel<int> channel{1};
    Channel<Unit> next, over;
    int received = 0;
    constexpr int rounds = 500;
    go([=] {
      for (int i = 0; i < rounds; ++i) {
        next.receive();
        channel.send(1);
      }
      over.send({});
    });
    for (int i = 0; i < rounds; ++i) {
      next.send({});
      if (select(on_receive(channel), on_timeout(Duration(i % 7 * 10'000))) == 0)
        ++received;
      else
        received += *channel.receive();
    }
    over.receive();
    EXPECT_EQ(received, rounds);
    EXPECT_EQ(channel.size(), 0u);
  });
}

}  // namespace
}  // namespace sluice
