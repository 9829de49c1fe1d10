// SPDX-License-Identifier: Apache-2.0

// What Go's runtime/chan_test.go asserts, in our words; CONFORMANCE.md says which is which.

#include <any>
#include <array>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/internal/test_support.h"
#include "sluice/chan/select.h"

namespace sluice {
namespace {

using internal::await_receiver;
using internal::go_and_wait_in;
using internal::on_any_processors;
using internal::on_processors;

// Go runs each of its TestChan claims at every capacity below 200.
template <class Fn>
void at_many_capacities(Fn fn) {
  on_processors(4, [&] {
    for (size_t capacity : {0, 1, 2, 3, 7, 8, 31, 100, 199}) fn(capacity);
  });
}

TEST(GoRuntimeChan, ReceiveFromEmptyBlocks) {
  at_many_capacities([](size_t capacity) {
    Channel<int> c{capacity};
    Channel<int> got{2};
    for (int i = 0; i < 2; ++i) go_and_wait_in(c, [=] { got.send(*c.receive()); });
    EXPECT_EQ(got.size(), 0u);
    c.send(0);
    c.send(0);
    EXPECT_EQ(got.receive(), 0);
    EXPECT_EQ(got.receive(), 0);
  });
}

TEST(GoRuntimeChan, NonblockingReceiveFromEmptyDoesNotBlock) {
  at_many_capacities([](size_t capacity) {
    Channel<int> c{capacity};
    EXPECT_EQ(select(on_receive(c), on_default()), 1u);
    EXPECT_EQ(c.try_receive(), std::nullopt);
  });
}

TEST(GoRuntimeChan, SendToFullBlocks) {
  at_many_capacities([](size_t capacity) {
    Channel<int> c{capacity};
    for (size_t i = 0; i < capacity; ++i) c.send(int(i));
    Channel<Unit> sent{1};
    go_and_wait_in(c, [=] {
      c.send(0);
      sent.send({});
    });
    EXPECT_EQ(sent.size(), 0u);
    c.receive();
    sent.receive();
  });
}

TEST(GoRuntimeChan, NonblockingSendToFullDoesNotBlock) {
  at_many_capacities([](size_t capacity) {
    Channel<int> c{capacity};
    for (size_t i = 0; i < capacity; ++i) c.send(int(i));
    EXPECT_EQ(select(on_send(c, 0), on_default()), 1u);
    EXPECT_FALSE(c.try_send(0));
  });
}

TEST(GoRuntimeChan, ClosedGivesWhatIsBufferedThenNothing) {
  at_many_capacities([](size_t capacity) {
    Channel<int> c{capacity};
    for (size_t i = 0; i < capacity; ++i) c.send(int(i));
    c.close();
    for (size_t i = 0; i < capacity; ++i) EXPECT_EQ(c.receive(), int(i));
    EXPECT_EQ(c.receive(), std::nullopt);
    EXPECT_EQ(c.receive(), std::nullopt);
  });
}

TEST(GoRuntimeChan, CloseUnblocksReceive) {
  at_many_capacities([](size_t capacity) {
    Channel<int> c{capacity};
    Channel<bool> closed;
    go_and_wait_in(c, [=] { closed.send(c.receive() == std::nullopt); });
    c.close();
    EXPECT_EQ(closed.receive(), true);
  });
}

TEST(GoRuntimeChan, HundredValuesArriveInOrder) {
  at_many_capacities([](size_t capacity) {
    Channel<int> c{capacity};
    go([=] {
      for (int i = 0; i < 100; ++i) c.send(i);
    });
    for (int i = 0; i < 100; ++i) EXPECT_EQ(c.receive(), i);
  });
}

TEST(GoRuntimeChan, ManySendersAndReceiversLoseAndInventNothing) {
  at_many_capacities([](size_t capacity) {
    constexpr int goroutines = 4, each = 1000;
    Channel<int> c{capacity};
    Channel<std::map<int, int>> done;
    for (int p = 0; p < goroutines; ++p) {
      go([=] {
        for (int i = 0; i < each; ++i) c.send(i);
      });
      go([=] {
        std::map<int, int> received;
        for (int i = 0; i < each; ++i) ++received[*c.receive()];
        done.send(std::move(received));
      });
    }
    std::map<int, int> total;
    for (int p = 0; p < goroutines; ++p) {
      std::map<int, int> received = *done.receive();
      for (auto [value, count] : received) total[value] += count;
    }
    EXPECT_EQ(total.size(), size_t(each));
    for (auto [value, count] : total) EXPECT_EQ(count, goroutines);
  });
}

TEST(GoRuntimeChan, LenAndCap) {
  at_many_capacities([](size_t capacity) {
    Channel<int> c{capacity};
    EXPECT_EQ(c.size(), 0u);
    EXPECT_EQ(c.capacity(), capacity);
    for (size_t i = 0; i < capacity; ++i) c.send(int(i));
    EXPECT_EQ(c.size(), capacity);
  });
}

TEST(GoRuntimeChan, NonblockingReceiveSeesTheValueOrTheClose) {
  on_any_processors([] {
    for (int i = 0; i < 2000; ++i) {
      Channel<int> c{1};
      Channel<Unit> over{1};
      c.send(1);
      go([=] {
        EXPECT_EQ(select(on_receive(c), on_default()), 0u) << "chan is not ready";
        over.send({});
      });
      c.close();
      c.receive();
      over.receive();
    }
  });
}

// At every moment one of two channels is ready, so a select must never take its default: it acts on
// one moment of both, though it locks neither.
TEST(GoRuntimeChan, NonblockingSelectSeesOneMoment) {
  on_any_processors([] {
    Channel<bool> done{1};
    for (int i = 0; i < 5000; ++i) {
      Channel<int> c1{1}, c2{1};
      c1.send(1);
      go([=] { done.send(select(on_receive(c1), on_receive(c2), on_default()) != 2); });
      c2.send(1);
      c1.try_receive();
      ASSERT_EQ(done.receive(), true) << "no chan is ready";
    }
  });
}

TEST(GoRuntimeChan, NonblockingSelectSeesOneMomentOfAClose) {
  on_any_processors([] {
    Channel<bool> done{1};
    for (int i = 0; i < 5000; ++i) {
      Channel<int> c1{1}, c2;
      c1.send(1);
      go([=] { done.send(select(on_receive(c1), on_receive(c2), on_default()) != 2); });
      c2.close();
      c1.try_receive();
      ASSERT_EQ(done.receive(), true) << "no chan is ready";
    }
  });
}

TEST(GoRuntimeChan, SelfSelectNeitherCrashesNorServesItself) {
  on_any_processors([] {
    for (size_t capacity : {0, 10}) {
      Channel<int> c{capacity};
      Channel<Unit> done;
      for (int p = 0; p < 2; ++p)
        go([=] {
          auto check = [=](int value) {
            if (capacity == 0) {
              EXPECT_NE(value, p) << "self receive";
            }
          };
          for (int i = 0; i < 1000; ++i)
            if (p == 0 || i % 2 == 0)
              select(on_send(c, p), on_receive(c, check));
            else
              select(on_receive(c, check), on_send(c, p));
          done.send({});
        });
      done.receive();
      done.receive();
    }
  });
}

TEST(GoRuntimeChan, SelectsAndPlainOperationsMixUnderStress) {
  on_any_processors([] {
    constexpr int n = 5000;
    std::array<Channel<int>, 4> c{Channel<int>{}, Channel<int>{}, Channel<int>{2}, Channel<int>{3}};
    Channel<Unit> done;
    for (auto& each : c) {
      go([=] {
        for (int i = 0; i < n; ++i) each.send(0);
        done.send({});
      });
      go([=] {
        for (int i = 0; i < n; ++i) each.receive();
        done.send({});
      });
    }
    for (bool sends : {false, true})
      go([=] {
        auto open = c;
        std::array<int, 4> count{};
        auto took = [&](size_t k) {
          return [&, k] {
            if (++count[k] == n) open[k] = Channel<int>::nil();
          };
        };
        for (int i = 0; i < 4 * n; ++i)
          if (sends)
            select(on_send(open[3], 0, took(3)), on_send(open[2], 0, took(2)),
                   on_send(open[0], 0, took(0)), on_send(open[1], 0, took(1)));
          else
            select(on_receive(open[0], took(0)), on_receive(open[1], took(1)),
                   on_receive(open[2], took(2)), on_receive(open[3], took(3)));
        done.send({});
      });
    for (int i = 0; i < 10; ++i) done.receive();
  });
}

TEST(GoRuntimeChan, SelectIsFair) {
  on_any_processors([] {
    constexpr int trials = 10000;
    Channel<int> c1{trials + 1}, c2{trials + 1}, c3, c4, out;
    Channel<Unit> done, over;
    for (int i = 0; i < trials + 1; ++i) {
      c1.send(1);
      c2.send(2);
    }
    go([=] {
      for (bool more = true; more;) {
        int b = 0;
        auto keep = [&](int value) { b = value; };
        select(on_receive(c3, keep), on_receive(c4, keep), on_receive(c1, keep),
               on_receive(c2, keep));
        select(on_send(out, b), on_receive(done, [&] { more = false; }));
      }
      over.send({});
    });
    std::array<int, 3> count{};
    for (int i = 0; i < trials; ++i) ++count.at(size_t(*out.receive()));
    EXPECT_NEAR(count[1], trials / 2, 10 * std::sqrt(trials * 0.25));
    EXPECT_EQ(count[0], 0);
    done.close();
    over.receive();
  });
}

TEST(GoRuntimeChan, TypeErasedValuesTravel) {
  Channel<std::unique_ptr<std::any>> c{1};
  c.send(std::make_unique<std::any>(5));
  EXPECT_EQ(select(on_send(c, std::make_unique<std::any>(6)),
                   on_send(c, std::make_unique<std::any>(7)), on_default()),
            2u);
  EXPECT_EQ(std::any_cast<int>(**c.receive()), 5);
}

TEST(GoRuntimeChan, CasesOnTheSameChannelAreChosenAtRandom) {
  on_any_processors([] {
    constexpr int n = 200;
    for (size_t capacity : {0, n}) {
      Channel<int> c{capacity};
      Channel<int> ones;
      go([=] {
        int sum = 0;
        for (int i = 0; i < n; ++i) {
          yield();
          sum += *c.receive();
        }
        ones.send(sum);
      });
      for (int i = 0; i < n; ++i) select(on_send(c, 1), on_send(c, 0));
      int sum = *ones.receive();
      EXPECT_GT(sum, n / 10);
      EXPECT_LT(sum, n - n / 10);
    }
  });
}

TEST(GoRuntimeChan, ManyConsumersConserveTheSum) {
  on_any_processors([] {
    constexpr int workers = 23, iterations = 20000;
    constexpr std::array pn{2, 3, 7, 11, 13, 17, 19, 23, 27, 31};
    Channel<int> q{workers * 3}, r{workers * 3};
    Channel<Unit> done;
    for (int w = 0; w < workers; ++w)
      go([=] {
        for (int value : q) {
          if (pn[size_t(w) % pn.size()] == value) yield();
          r.send(value);
        }
        done.send({});
      });
    long expected = 0;
    for (int i = 0; i < iterations; ++i) expected += pn[size_t(i) % pn.size()];
    go([=] {
      for (int i = 0; i < iterations; ++i) q.send(pn[size_t(i) % pn.size()]);
      q.close();
      for (int w = 0; w < workers; ++w) done.receive();
      r.close();
    });
    int n = 0;
    long sum = 0;
    for (int value : r) {
      ++n;
      sum += value;
    }
    EXPECT_EQ(n, iterations);
    EXPECT_EQ(sum, expected);
  });
}

TEST(GoRuntimeChan, SelectMayWaitTwiceInOneChannel) {
  on_any_processors([] {
    Channel<int> c, d, e;
    go_and_wait_in(c, [=] {
      select(on_receive(c), on_receive(c), on_receive(d));
      e.send(9);
    });
    await_receiver(d);
    Channel<int> got{1};
    go_and_wait_in(c, [=] { got.send(*c.receive()); });
    d.send(7);
    EXPECT_EQ(e.receive(), 9);
    c.send(8);
    EXPECT_EQ(got.receive(), 8);
  });
}

// Go's stacks move; ours must at least leave a receive slot alone that no value was sent for.
TEST(GoRuntimeChan, SelectLeavesTheVariablesOfOtherCasesAlone) {
  on_any_processors([] {
    Channel<int*> c, d;
    Channel<bool> kept;
    for (bool twice : {false, true}) {
      go_and_wait_in(d, [=] {
        int value = 42;
        int* pointer = &value;
        Channel<int*> c2 = twice ? c : Channel<int*>::nil();
        select(on_receive(c, [&](int* got) { pointer = got; }), on_receive(c2), on_receive(d));
        kept.send(pointer == &value && value == 42);
      });
    }
    d.close();
    EXPECT_EQ(kept.receive(), true);
    EXPECT_EQ(kept.receive(), true);
  });
}

}  // namespace
}  // namespace sluice
