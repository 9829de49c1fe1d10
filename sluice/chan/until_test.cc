// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/internal/test_support.h"

namespace sluice {
namespace {

using internal::on_any_processors;

// Anything with done() will do; the real one is in a package above this.
struct Lifetime {
  Channel<Unit> ended;
  ReceiveChannel<Unit> done() const { return ended; }
};
struct Endless {
  ReceiveChannel<Unit> done() const { return ReceiveChannel<Unit>::nil(); }
};

TEST(Until, EndsWithTheChannel) {
  on_any_processors([] {
    Channel<int> c;
    Lifetime lifetime;
    go([=] {
      for (int i = 0; i < 100; ++i) c.send(i);
      c.close();
    });
    int expected = 0;
    for (int value : c.until(lifetime)) EXPECT_EQ(value, expected++);
    EXPECT_EQ(expected, 100);
  });
}

TEST(Until, EndsWithTheContextWhileItWaits) {
  on_any_processors([] {
    Channel<int> c;
    Lifetime lifetime;
    Channel<int> count{1};
    go([=] {
      int received = 0;
      for ([[maybe_unused]] int value : c.until(lifetime)) ++received;
      count.send(received);
    });
    c.send(1);
    internal::await_receiver(c);
    lifetime.ended.close();
    EXPECT_EQ(count.receive(), 1);
    EXPECT_FALSE(internal::has_receiver(c));
  });
}

TEST(Until, TakesNoValueOnceTheContextHasEnded) {
  Channel<int> c{3};
  Lifetime lifetime;
  c.send(1);
  lifetime.ended.close();
  for (int value : c.until(lifetime)) ADD_FAILURE() << value;
  EXPECT_EQ(c.size(), 1u);
}

TEST(Until, EndsBetweenTwoBufferedValues) {
  Channel<int> c{3};
  Lifetime lifetime;
  for (int i = 0; i < 3; ++i) c.send(i);
  for (int value : c.until(lifetime))
    if (value == 1) lifetime.ended.close();
  EXPECT_EQ(c.receive(), 2);
}

TEST(Until, OfAnEndlessContextIsAPlainRange) {
  Channel<int> c{3};
  for (int i = 0; i < 3; ++i) c.send(i);
  c.close();
  int sum = 0;
  for (int value : c.until(Endless{})) sum += value;
  EXPECT_EQ(sum, 3);
}

TEST(Until, OnNilWaitsForTheContextOnly) {
  on_any_processors([] {
    Lifetime lifetime;
    Channel<Unit> over;
    go([=] {
      for ([[maybe_unused]] int value : Channel<int>::nil().until(lifetime)) ADD_FAILURE();
      over.send({});
    });
    internal::await_receiver(lifetime.ended);
    lifetime.ended.close();
    over.receive();
  });
}

TEST(Until, MovesValuesOut) {
  Channel<std::unique_ptr<int>> c{1};
  c.send(std::make_unique<int>(3));
  c.close();
  std::vector<std::unique_ptr<int>> kept;
  for (std::unique_ptr<int>& value : c.receive_only().until(Lifetime{}))
    kept.push_back(std::move(value));
  EXPECT_EQ(*kept.at(0), 3);
}

TEST(Until, IsSharedByWorkersWithoutLosingValues) {
  on_any_processors([] {
    Channel<int> c{4};
    Lifetime lifetime;
    Channel<int> sums{3};
    for (int g = 0; g < 3; ++g)
      go([=] {
        int sum = 0;
        for (int value : c.until(lifetime)) sum += value;
        sums.send(sum);
      });
    for (int i = 0; i < 1000; ++i) c.send(1);
    c.close();
    int sum = 0;
    for (int g = 0; g < 3; ++g) sum += *sums.receive();
    EXPECT_EQ(sum, 1000);
  });
}

}  // namespace
}  // namespace sluice
