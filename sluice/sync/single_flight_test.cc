// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/single_flight.h"

#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "sluice/runtime/runtime.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

const Error because{Code::aborted, "because"};

TEST(SingleFlight, GivesTheResult) {
  SingleFlight<std::string, int> flights;
  auto answer = flights.call("key", []() -> Result<int> { return 7; });
  EXPECT_EQ(*answer.result, 7);
  EXPECT_FALSE(answer.shared);
}

TEST(SingleFlight, GivesTheError) {
  SingleFlight<std::string, int> flights;
  auto answer = flights.call("key", []() -> Result<int> { return because; });
  EXPECT_TRUE(is(answer.result.error(), because));
}

TEST(SingleFlight, KeepsNothing) {
  SingleFlight<int, int> flights;
  int calls = 0;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*flights.call(1, [&] { return ++calls; }).result, i + 1);
}

TEST(SingleFlight, IsUsableAfterAnException) {
  SingleFlight<int, int> flights;
  EXPECT_THROW(flights.call(1, []() -> int { throw std::runtime_error("failed"); }),
               std::runtime_error);
  EXPECT_EQ(*flights.call(1, [] { return 2; }).result, 2);
}

class SingleFlightStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, SingleFlightStress, testing::Values(1, 2, 4));

TEST_P(SingleFlightStress, OneWorksForAll) {
  runtime_.block_on([] {
    SingleFlight<std::string, std::string> flights;
    Channel<Unit> started, finish;
    std::atomic<int> calls{0}, shared{0};
    WaitGroup group;
    auto ask = [&] {
      auto answer = flights.call("key", [&]() -> Result<std::string> {
        ++calls;
        started.send({});
        finish.receive();
        return std::string("bar");
      });
      EXPECT_EQ(*answer.result, "bar");
      shared += answer.shared;
    };
    group.go(ask);
    started.receive();
    Channel<Unit> asking{9};
    for (int i = 0; i < 9; ++i)
      group.go([&] {
        asking.send({});
        ask();
      });
    for (int i = 0; i < 9; ++i) asking.receive();
    finish.close();
    go([started] {
      while (started.receive()) {
      }
    });  // those who came after the first landed
    group.wait();
    started.close();
    EXPECT_LE(calls, 10);
    EXPECT_GE(calls, 1);
  });
}

TEST_P(SingleFlightStress, ForgetStartsAnotherFlight) {
  runtime_.block_on([] {
    SingleFlight<int, int> flights;
    Channel<Unit> started, finish;
    WaitGroup group;
    group.go([&] {
      auto answer = flights.call(1, [&] {
        started.send({});
        finish.receive();
        return 1;
      });
      EXPECT_EQ(*answer.result, 1);
    });
    started.receive();
    flights.forget(1);
    EXPECT_EQ(*flights.call(1, [] { return 2; }).result, 2);
    finish.close();
    group.wait();
  });
}

TEST_P(SingleFlightStress, FunctionThatCannotBeCopiedLeavesNoFlight) {
  runtime_.block_on([] {
    struct Uncopyable {
      Uncopyable() = default;
      Uncopyable(const Uncopyable&) { throw std::runtime_error("no copy"); }
      int operator()() { return 1; }
    };
    const Uncopyable fn;
    SingleFlight<int, int> flights;
    EXPECT_THROW(flights.call(Context(), 1, fn), std::runtime_error);
    EXPECT_EQ(*flights.call(Context(), 1, [] { return 2; }).result, 2);
  });
}

// What it holds may refer to what its caller takes away.
TEST_P(SingleFlightStress, FunctionIsGoneWhenTheFlightLands) {
  runtime_.block_on([] {
    std::atomic<bool> landed{false};
    Channel<bool> late{1};
    auto tell = [&landed, late](int* number) {
      delete number;
      for (int i = 0; i < 10; ++i) yield();  // whoever has been woken runs now
      late.send(landed);
    };
    SingleFlight<int, int> flights;
    auto fn = [held = std::shared_ptr<int>(new int(3), tell)] { return *held; };
    EXPECT_EQ(*flights.call(Context(), 1, std::move(fn)).result, 3);
    landed = true;
    EXPECT_EQ(late.receive(), false);
  });
}

TEST_P(SingleFlightStress, MayBeDestroyedWhileAnAbandonedFlightGoesOn) {
  runtime_.block_on([] {
    Channel<Unit> finish;
    Channel<int> finished;
    {
      SingleFlight<int, int> flights;
      auto made = with_cancel(Context());
      made.cancel();
      auto answer = flights.call(made.context, 1, [=] -> Result<int> {
        finish.receive();
        finished.send(5);
        return 5;
      });
      EXPECT_TRUE(is(answer.result.error(), context_canceled));
    }
    finish.close();
    EXPECT_EQ(*finished.receive(), 5);
  });
}

TEST_P(SingleFlightStress, WaiterLeavesWithItsContextAndTheFlightGoesOn) {
  runtime_.block_on([] {
    SingleFlight<int, int> flights;
    Channel<Unit> finish;
    Channel<int> result{1};
    auto patient = [&] {
      result.send(*flights
                       .call(Context(), 1,
                             [finish] {
                               finish.receive();
                               return 5;
                             })
                       .result);
    };
    auto made = with_cancel(Context());
    WaitGroup group;
    group.go([&] {
      auto answer = flights.call(made.context, 1, [finish] {
        finish.receive();
        return 5;
      });
      EXPECT_TRUE(is(answer.result.error(), context_canceled));
    });
    group.go(patient);
    yield();
    made.cancel();
    finish.close();
    group.wait();
    EXPECT_EQ(*result.receive(), 5);
  });
}

}  // namespace
}  // namespace sluice::sync
