// SPDX-License-Identifier: Apache-2.0

// What the programs in Go's test/chan assert, in our words; CONFORMANCE.md says which is which.

#include <array>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/internal/test_support.h"
#include "sluice/chan/select.h"

namespace sluice {
namespace {

using internal::await_receiver;
using internal::await_sender;
using internal::go_and_wait_in;
using internal::on_any_processors;
using internal::on_processors;

TEST(GoTestChan, DoubleSelectNeverDuplicatesAValue) {
  on_processors(2, [] {
    constexpr int iterations = 20000;
    std::array<Channel<int>, 4> c;
    Channel<int> merged;
    Channel<Unit> done;
    go([=] {
      for (int i = 0; i < iterations; ++i)
        select(on_send(c[0], i), on_send(c[1], i), on_send(c[2], i), on_send(c[3], i));
      for (auto& each : c) each.close();
    });
    for (auto& each : c)
      go([=] {
        for (int value : each) merged.send(value);
        done.send({});
      });
    go([=] {
      for (int i = 0; i < 4; ++i) done.receive();
      merged.close();
    });
    std::vector<bool> seen(iterations);
    int count = 0;
    for (int value : merged) {
      EXPECT_FALSE(seen[size_t(value)]) << value;
      seen[size_t(value)] = true;
      ++count;
    }
    EXPECT_EQ(count, iterations);
  });
}

TEST(GoTestChan, FifoOfChainedReceivers) {
  on_any_processors([] {
    Channel<int> channel;
    Channel<Unit> in;
    Channel<Unit> start = in;
    Channel<bool> good{10};
    for (int i = 0; i < 10; ++i) {
      Channel<Unit> out;
      go([=] {
        in.receive();
        good.send(channel.receive() == i);
        out.send({});
      });
      in = out;
    }
    start.send({});
    for (int i = 0; i < 10; ++i) channel.send(i);
    in.receive();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(good.receive(), true);
  });
}

TEST(GoTestChan, ValuePassesThroughAThousandGoroutines) {
  on_any_processors([] {
    Channel<int> leftmost;
    Channel<int> left = leftmost;
    for (int i = 0; i < 1000; ++i) {
      Channel<int> right;
      go([=] { left.send(*right.receive() + 1); });
      left = right;
    }
    go([=] { left.send(1); });
    EXPECT_EQ(leftmost.receive(), 1001);
  });
}

template <class T>
void expect_nonblocking_operations(T sent) {
  on_any_processors([=] {
    for (size_t capacity : {0, 1}) {
      Channel<T> channel{capacity};
      Channel<Unit> strobe;
      EXPECT_EQ(select(on_receive(channel), on_default()), 1u);
      go([=] {
        EXPECT_EQ(channel.receive(), sent);
        strobe.send({});
      });
      while (select(on_send(channel, sent), on_default(yield)) != 0) {
      }
      strobe.receive();
      go([=] {
        channel.send(sent);
        strobe.send({});
      });
      T got{};
      while (select(on_receive(channel, [&](T value) { got = value; }), on_default(yield)) != 0) {
      }
      EXPECT_EQ(got, sent);
      strobe.receive();
    }
  });
}
TEST(GoTestChan, NonblockInt32) { expect_nonblocking_operations<int32_t>(123); }
TEST(GoTestChan, NonblockInt64) { expect_nonblocking_operations<int64_t>(123456); }
TEST(GoTestChan, NonblockBool) { expect_nonblocking_operations<bool>(true); }
TEST(GoTestChan, NonblockString) { expect_nonblocking_operations<std::string>("hello"); }

TEST(GoTestChan, SelectEvaluatesEveryValueOnceAndSkipsNil) {
  int evaluated = 0, shift = 0;
  auto value = [&] {
    ++evaluated;
    return 1 << shift;
  };
  auto send_all = [&](Channel<int> a, Channel<int> b) {
    int sent = 0;
    auto nil = Channel<int>::nil();
    while (select(on_send(a, value(), [&] { a = nil, ++sent; }),
                  on_send(b, value(), [&] { b = nil, ++sent; }), on_default()) != 2)
      ++shift;
    return sent;
  };
  Channel<int> a{1}, b{1};
  EXPECT_EQ(send_all(a, b), 2);
  EXPECT_EQ(*a.receive() | *b.receive(), 3);
  EXPECT_EQ(send_all(a, Channel<int>::nil()), 1);
  EXPECT_EQ(evaluated, 10);
}

// select2 watches the memory of 100,000 selects; ours can see the cause: nobody stays queued.
TEST(GoTestChan, SelectsDoNotPileUpOnAQuietChannel) {
  on_any_processors([] {
    Channel<int> busy, quiet;
    go([=] {
      for (int i = 0; i < 10000; ++i) busy.send(1);
    });
    for (int i = 0; i < 10000; ++i) EXPECT_EQ(select(on_receive(busy), on_receive(quiet)), 0u);
    EXPECT_FALSE(internal::has_receiver(quiet));
  });
}

TEST(GoTestChan, SendToFreeBufferNeverBlocks) {
  Channel<int> channel{1};
  channel.send(7);
  EXPECT_EQ(channel.size(), 1u);
}

TEST(GoTestChan, SelectOfNilOrClosedActsLikeThePlainOperations) {
  Channel<int> nil = Channel<int>::nil(), closed, room{1};
  closed.close();
  EXPECT_EQ(select(on_send(nil, 7), on_default()), 1u);
  EXPECT_EQ(select(on_receive(nil), on_default()), 1u);
  EXPECT_EQ(select(on_receive(closed)), 0u);
  EXPECT_EQ(select(on_receive(closed), on_default()), 0u);
  EXPECT_EQ(select(on_send(room, 7), on_default()), 0u);
  EXPECT_EQ(select(on_receive(room), on_default()), 0u);
}

TEST(GoTestChan, SelectTakesTheReadyReceiveOnly) {
  Channel<int> ready{1}, empty;
  ready.send(42);
  int taken = 0;
  select(on_receive(empty, [] { ADD_FAILURE() << "the empty channel was taken"; }),
         on_receive(ready, [&](int value) { taken = value; }));
  EXPECT_EQ(taken, 42);
}

// select5 generates every mix of receive, send, default, dummy and nil cases around one ready one.
TEST(GoTestChan, ReadyCaseIsTakenWhateverStandsAroundIt) {
  Channel<int> c{1}, dummy, nil = Channel<int>::nil();
  int n = 0;
  auto receive_among = [&](auto&... others) {
    c.send(++n);
    int x = 0;
    EXPECT_EQ(select(on_receive(c, [&](int v) { x = v; }), others()...), 0u);
    EXPECT_EQ(x, n);
    c.send(++n);
    EXPECT_EQ(select(others()..., on_receive(c, [&](int v) { x = v; })), sizeof...(others));
    EXPECT_EQ(x, n);
  };
  auto send_among = [&](auto&... others) {
    EXPECT_EQ(select(on_send(c, ++n), others()...), 0u);
    EXPECT_EQ(c.receive(), n);
    EXPECT_EQ(select(others()..., on_send(c, ++n)), sizeof...(others));
    EXPECT_EQ(c.receive(), n);
  };
  auto dummy_send = [&] { return on_send(dummy, 1); };
  auto dummy_receive = [&] { return on_receive(dummy); };
  auto nil_send = [&] { return on_send(nil, 1); };
  auto nil_receive = [&] { return on_receive(nil); };
  auto fallback = [&] { return on_default(); };
  auto both = [&](auto&... others) {
    receive_among(others...);
    send_among(others...);
    receive_among(others..., fallback);
    send_among(others..., fallback);
  };
  both();
  both(dummy_send);
  both(dummy_receive);
  both(nil_send);
  both(nil_receive);
  both(dummy_send, dummy_receive);
  both(dummy_send, nil_send);
  both(dummy_send, nil_receive);
  both(dummy_receive, nil_send);
  both(dummy_receive, nil_receive);
  both(nil_send, nil_receive);
  both(dummy_send, dummy_receive, nil_send);
  both(dummy_send, dummy_receive, nil_receive);
  both(dummy_send, nil_send, nil_receive);
  both(dummy_receive, nil_send, nil_receive);
  both(dummy_send, dummy_receive, nil_send, nil_receive);
}

TEST(GoTestChan, DefaultIsTakenWhateverUnreadyCasesStandAroundIt) {
  Channel<int> dummy, nil = Channel<int>::nil();
  EXPECT_EQ(select(on_default(), on_send(dummy, 1), on_send(nil, 1), on_receive(dummy)), 0u);
  EXPECT_EQ(select(on_send(dummy, 1), on_receive(nil), on_receive(dummy), on_default()), 3u);
  EXPECT_EQ(select(on_send(nil, 1), on_receive(nil), on_default()), 2u);
}

TEST(GoTestChan, LoserOfASelectDoesNotHideTheWaiterBehindIt) {
  on_any_processors([] {
    Channel<Unit> c1, c2, c3;
    go_and_wait_in(c1, [=] { c1.receive(); });
    go_and_wait_in(c1, [=] {
      select(on_receive(c1, [] { ADD_FAILURE() << "c1 has a receiver before it"; }),
             on_receive(c2, [&] { c3.send({}); }));
      c1.receive();
    });
    c2.send({});
    c3.receive();
    c1.send({});
    c1.send({});
  });
}

TEST(GoTestChan, EveryKindOfSendMeetsEveryKindOfReceive) {
  on_any_processors([] {
    for (int receiver = 0; receiver < 3; ++receiver)
      for (int sender = 0; sender < 3; ++sender) {
        Channel<int> c, other;
        Channel<Unit> done;
        go_and_wait_in(c, [=] {
          if (receiver == 0) c.receive();
          if (receiver == 1) select(on_receive(c));
          if (receiver == 2) select(on_receive(c), on_receive(other));
          done.send({});
        });
        if (sender == 0) c.send(1);
        if (sender == 1) select(on_send(c, 1));
        if (sender == 2) select(on_send(c, 1), on_send(other, 1));
        done.receive();
      }
  });
}

TEST(GoTestChan, HandlersMayLeaveASelectEarly) {
  Channel<int> channel{1};
  auto leave = [&] {
    channel.send(5);
    select(on_receive(channel, [](int) { return; }), on_default());
    return true;
  };
  EXPECT_TRUE(leave());
}

TEST(GoTestChan, ChannelsTravelThroughChannels) {
  Channel<Channel<int>> outer{1};
  Channel<int> inner{1};
  outer.send(inner);
  EXPECT_EQ(select(on_send(*outer.receive(), 2), on_default()), 0u);
  EXPECT_EQ(inner.receive(), 2);
}

TEST(GoTestChan, SieveOfGoroutinesFindsThePrimes) {
  on_any_processors([] {
    constexpr std::array primes{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47};
    Channel<Unit> stop;
    Channel<int> numbers;
    go([=] {
      for (int i = 2; select(on_send(numbers, i), on_receive(stop)) == 0; ++i) {
      }
      numbers.close();
    });
    Channel<int> source = numbers;
    for (int prime : primes) {
      EXPECT_EQ(source.receive(), prime);
      Channel<int> sifted;
      go([=] {
        for (int value : source)
          if (value % prime != 0 && select(on_send(sifted, value), on_receive(stop)) != 0) break;
        sifted.close();
      });
      source = sifted;
    }
    stop.close();
    while (source.receive()) {
    }
  });
}

// powser1 and powser2 compute with power series whose coefficients come out of channels on demand.
TEST(GoTestChan, DemandDrivenStreamsCompose) {
  struct Stream {
    Channel<Unit> request;
    Channel<int> data;
  };
  on_any_processors([] {
    Channel<Unit> stop;
    auto serve = [=](Stream out, auto next) {
      go([=]() mutable {
        while (select(on_receive(out.request), on_receive(stop)) == 0) out.data.send(next());
      });
    };
    auto get = [](Stream in) {
      in.request.send({});
      return *in.data.receive();
    };
    Stream ones, integers, product;
    serve(ones, [] { return 1; });
    serve(integers, [n = 0]() mutable { return ++n; });
    serve(product, [=] { return get(ones) * get(integers); });
    for (int i = 1; i <= 50; ++i) EXPECT_EQ(get(product), i);
    stop.close();
  });
}

TEST(GoTestChan, ElementsWithoutSize) {
  struct Empty {};
  Channel<Empty> unbuffered, buffered{1};
  buffered.send({});
  EXPECT_TRUE(buffered.receive().has_value());
  EXPECT_EQ(unbuffered.try_receive().has_value(), false);
}

}  // namespace
}  // namespace sluice
