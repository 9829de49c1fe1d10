// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/internal/test_support.h"
#include "sluice/chan/select.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using internal::Counted;
using internal::on_any_processors;

// Four channels that everybody uses in every way at once. Values are counted in and out.
struct Market {
  std::array<Channel<int>, 4> c{Channel<int>{}, Channel<int>{}, Channel<int>{1}, Channel<int>{8}};
  Channel<Unit> stop;
  Channel<Unit> over;
  std::atomic<long> sent{0};
  std::atomic<long> received{0};

  void sell(unsigned seed, int rounds) {
    std::mt19937 random(seed);
    for (int i = 1; i <= rounds; ++i) {
      Channel<int>& one = c[random() % 4];
      Channel<int>& two = c[random() % 4];
      auto count = [&] { sent += i; };
      switch (random() % 5) {
        case 0:
          one.send(i), count();
          break;
        case 1:
          if (one.try_send(i)) count();
          break;
        case 2:
          select(on_send(one, i, count), on_send(two, i, count));
          break;
        case 3:
          select(on_send(one, i, count), on_send(two, i, count), on_default(yield));
          break;
        case 4:
          select(on_send(one, i, count), on_send(two, i, count), on_timeout(10us));
          break;
      }
    }
  }

  void buy(unsigned seed) {
    std::mt19937 random(seed);
    auto count = [&](int value) { received += value; };
    for (bool more = true; more;) {
      Channel<int>& one = c[random() % 4];
      Channel<int>& two = c[random() % 4];
      auto end = [&] { more = false; };
      switch (random() % 4) {
        // Who waits without a limit waits for all, else buyers and sellers could miss each other.
        case 0:
          select(on_receive(c[0], count), on_receive(c[1], count), on_receive(c[2], count),
                 on_receive(c[3], count), on_receive(stop, end));
          break;
        case 1:
          select(on_receive(one, count), on_receive(stop, end), on_timeout(10us));
          break;
        case 2:
          select(on_receive(one, count), on_receive(two, count), on_default(yield));
          break;
        case 3:
          select(on_receive(one, count), on_receive(two, count), on_timeout(10us));
          break;
      }
    }
  }

  void drain() {
    for (auto& each : c)
      while (std::optional<int> value = each.try_receive()) received += *value;
  }
};

TEST(ChannelStress, NothingIsLostOrInventedAmongGoroutines) {
  on_any_processors([] {
    Market market;
    for (unsigned g = 0; g < 8; ++g) {
      go([&, g] {
        market.sell(g, 500);
        market.over.send({});
      });
      go([&, g] {
        market.buy(g);
        market.over.send({});
      });
    }
    for (int g = 0; g < 8; ++g) market.over.receive();
    market.stop.close();
    for (int g = 0; g < 8; ++g) market.over.receive();
    market.drain();
    EXPECT_EQ(market.sent, market.received);
  });
}

TEST(ChannelStress, NothingIsLostOrInventedAmongGoroutinesAndThreads) {
  on_any_processors([] {
    Market market;
    std::vector<std::thread> sellers, buyers;
    for (unsigned g = 0; g < 2; ++g) {
      sellers.emplace_back([&, g] { market.sell(g, 300); });
      buyers.emplace_back([&, g] { market.buy(g); });
      go([&, g] {
        market.sell(10 + g, 300);
        market.over.send({});
      });
      go([&, g] {
        market.buy(10 + g);
        market.over.send({});
      });
    }
    for (int g = 0; g < 2; ++g) market.over.receive();
    blocking([&] {
      for (auto& each : sellers) each.join();
    });
    market.stop.close();
    for (int g = 0; g < 2; ++g) market.over.receive();
    blocking([&] {
      for (auto& each : buyers) each.join();
    });
    market.drain();
    EXPECT_EQ(market.sent, market.received);
  });
}

TEST(ChannelStress, MoveOnlyValuesAreDestroyedOnceThoughTheirChannelsCloseAndDrop) {
  Counted::alive = 0;
  Counted::broken = 0;
  on_any_processors([] {
    for (int round = 0; round < 50; ++round) {
      Channel<std::unique_ptr<Counted>> c{size_t(round % 3)};
      Channel<Unit> stop, over;
      for (int g = 0; g < 4; ++g) {
        go([=] {
          while (select(on_send(c, std::make_unique<Counted>(g)), on_receive(stop)) == 0) {
          }
          over.send({});
        });
        go([=] {
          for (int i = 0; i < 20; ++i) c.receive();
          over.send({});
        });
      }
      for (int g = 0; g < 4; ++g) over.receive();
      stop.close();
      for (int g = 0; g < 4; ++g) over.receive();
    }
  });
  EXPECT_EQ(Counted::alive, 0);
  EXPECT_EQ(Counted::broken, 0);
}

TEST(ChannelStress, CloseRacesWithReceivers) {
  on_any_processors([] {
    for (int round = 0; round < 200; ++round) {
      Channel<int> c{size_t(round % 2)};
      Channel<int> sums{4};
      for (int g = 0; g < 4; ++g)
        go([=] {
          int sum = 0;
          for (int value : c) sum += value;
          sums.send(sum);
        });
      for (int i = 0; i < 10; ++i) c.send(1);
      c.close();
      int sum = 0;
      for (int g = 0; g < 4; ++g) sum += *sums.receive();
      EXPECT_EQ(sum, 10);
    }
  });
}

// A worker of many waits; at each of them in turn it is told to stop.
TEST(ChannelStress, StopAtEveryWaitLeavesNothingBehind) {
  on_any_processors([] {
    for (int stop_at = 0; stop_at < 9; ++stop_at) {
      Channel<int> in, out;
      Channel<Unit> stop, over;
      go([=] {
        int sum = 0;
        bool more = true;
        auto end = [&] { more = false; };
        for (int i = 0; i < 3 && more; ++i) {
          int got = 0;
          select(on_receive(in, [&](int value) { got = value; }), on_receive(stop, end));
          if (more) select(on_send(out, sum += got), on_receive(stop, end));
          if (more) select(on_receive(stop, end), on_timeout(10us));
        }
        over.send({});
      });
      // Two of three waits need us; the third ends by itself.
      for (int wait = 0; wait < stop_at; ++wait) {
        if (wait % 3 == 0) in.send(1);
        if (wait % 3 == 1) {
          EXPECT_EQ(out.receive(), wait / 3 + 1);
        }
      }
      stop.close();
      over.receive();
      EXPECT_FALSE(internal::has_receiver(in));
      EXPECT_FALSE(internal::has_sender(out));
      EXPECT_FALSE(internal::has_receiver(stop));
    }
  });
}

// Selects over the same channels in opposite orders would deadlock if locks were taken as written.
TEST(ChannelStress, SelectsInOppositeOrdersDoNotDeadlock) {
  on_any_processors([] {
    Channel<int> a, b, c;
    Channel<Unit> over;
    constexpr int rounds = 2000;
    go([=] {
      for (int i = 0; i < rounds; ++i) select(on_send(a, i), on_send(b, i), on_send(c, i));
      over.send({});
    });
    go([=] {
      for (int i = 0; i < rounds; ++i) select(on_send(c, i), on_send(b, i), on_send(a, i));
      over.send({});
    });
    for (int g = 0; g < 2; ++g)
      go([=] {
        for (int i = 0; i < rounds; ++i)
          if (g == 0)
            select(on_receive(b), on_receive(a), on_receive(c));
          else
            select(on_receive(c), on_receive(a), on_receive(b));
        over.send({});
      });
    for (int g = 0; g < 4; ++g) over.receive();
  });
}

}  // namespace
}  // namespace sluice
