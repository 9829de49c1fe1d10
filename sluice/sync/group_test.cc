// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/group.h"

#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/runtime.h"

namespace sluice::sync {
namespace {

const Error because{Code::aborted, "because"};
const Error later{Code::internal, "later"};

class GroupStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, GroupStress, testing::Values(1, 2, 4));

TEST_P(GroupStress, EmptyOneSucceeds) {
  Group group;
  EXPECT_TRUE(group.wait());
}

TEST_P(GroupStress, SucceedsWhenAllDo) {
  runtime_.block_on([] {
    Group group;
    std::atomic<int> ran{0};
    for (int i = 0; i < 10; ++i)
      group.go([&](Context) -> Result<void> {
        ++ran;
        return {};
      });
    group.go([&] { ++ran; });
    EXPECT_TRUE(group.wait());
    EXPECT_EQ(ran, 11);
  });
}

TEST_P(GroupStress, FirstErrorIsTheResultAndTheCause) {
  runtime_.block_on([] {
    Group group;
    group.go([](Context) -> Result<void> { return because; });
    group.go([](Context context) -> Result<void> {
      context.done().receive();
      return later;
    });
    Result<void> result = group.wait();
    ASSERT_FALSE(result);
    EXPECT_TRUE(is(result.error(), because));
    EXPECT_TRUE(is(*group.context().cause(), because));
  });
}

TEST_P(GroupStress, WaitEndsTheContext) {
  runtime_.block_on([] {
    Group group;
    group.go([](Context context) -> Result<void> {
      EXPECT_FALSE(context.cancelled());
      return {};
    });
    EXPECT_TRUE(group.wait());
    EXPECT_TRUE(is(*group.context().err(), context_canceled));
  });
}

TEST_P(GroupStress, ParentsEndReachesTheGoroutines) {
  runtime_.block_on([] {
    auto made = with_cancel(Context());
    Group group(made.context);
    group.go([](Context context) -> Result<void> {
      context.done().receive();
      return *context.cause();
    });
    made.cancel(because);
    EXPECT_TRUE(is(group.wait().error(), because));
  });
}

TEST_P(GroupStress, ScopeExitCancelsAndJoins) {
  runtime_.block_on([] {
    for (int i = 0; i < 100; ++i) {
      int ended = 0;  // plain: the join orders it
      {
        Group group;
        group.go([&](Context context) -> Result<void> {
          context.done().receive();
          ++ended;
          return {};
        });
      }
      EXPECT_EQ(ended, 1);
    }
  });
}

TEST_P(GroupStress, LimitBoundsWhatRunsAtOnce) {
  runtime_.block_on([] {
    Group group;
    group.limit(3);
    std::atomic<int> running{0};
    for (int i = 0; i < 60; ++i)
      group.go([&] {
        EXPECT_LE(++running, 3);
        yield();
        --running;
      });
    EXPECT_TRUE(group.wait());
  });
}

TEST_P(GroupStress, TryGoRefusesAtTheLimit) {
  runtime_.block_on([] {
    Group group;
    group.limit(1);
    Channel<Unit> hold;
    EXPECT_TRUE(group.try_go([hold] { hold.receive(); }));
    EXPECT_FALSE(group.try_go([] {}));
    hold.send({});
    group.go([] {});
    EXPECT_TRUE(group.wait());
  });
}

TEST_P(GroupStress, GoroutineMayStartAnother) {
  runtime_.block_on([] {
    Group group;
    std::atomic<int> ran{0};
    group.go([&] {
      group.go([&] { ++ran; });
      ++ran;
    });
    EXPECT_TRUE(group.wait());
    EXPECT_EQ(ran, 2);
  });
}

// `held` is const because moving the closure copies it then: a moved-from closure still holds it.
TEST_P(GroupStress, FunctionsAreGoneWhenWaitReturns) {
  runtime_.block_on([] {
    std::atomic<bool> waited{false};
    Channel<bool> late{1};
    auto tell = [&waited, late](int* number) {
      delete number;
      for (int i = 0; i < 10; ++i) yield();  // whoever has been woken runs now
      late.send(waited);
    };
    Group group;
    {
      const std::shared_ptr<int> held(new int, tell);
      group.go([held] {});
    }
    EXPECT_TRUE(group.wait());
    waited = true;
    EXPECT_EQ(late.receive(), false);
  });
}

TEST_P(GroupStress, FunctionThatCannotBeCopiedTakesNoPlace) {
  runtime_.block_on([] {
    struct Uncopyable {
      Uncopyable() = default;
      Uncopyable(const Uncopyable&) { throw std::runtime_error("no copy"); }
      void operator()() {}
    };
    const Uncopyable fn;
    Group group;
    group.limit(1);
    EXPECT_THROW(group.go(fn), std::runtime_error);
    EXPECT_THROW(group.try_go(fn), std::runtime_error);
    EXPECT_TRUE(group.try_go([] {}));
    EXPECT_TRUE(group.wait());
  });
}

TEST(GroupThatThrows, FailsWhereTheProcessGoesOn) {
  static std::atomic<int> failures;
  failures = 0;
  Runtime runtime{{.max_procs = 2, .on_panic = [](std::exception_ptr) { ++failures; }}};
  runtime.block_on([] {
    Group group;
    group.limit(1);
    group.go([] { throw std::runtime_error("failed"); });
    group.go([](Context context) -> Result<void> {
      EXPECT_TRUE(is(*context.cause(), group_function_threw));
      return {};
    });
    Result<void> result = group.wait();
    ASSERT_FALSE(result);
    EXPECT_TRUE(is(result.error(), group_function_threw));
    while (failures != 1) yield();
  });
}

TEST_P(GroupStress, CancelGivesItsCause) {
  runtime_.block_on([] {
    Group group;
    group.go([](Context context) -> Result<void> {
      context.done().receive();
      return *context.cause();
    });
    group.cancel(because);
    EXPECT_TRUE(is(group.wait().error(), because));
  });
}

TEST_P(GroupStress, ThreadMayOwnOne) {
  Group group;
  std::atomic<int> ran{0};
  for (int i = 0; i < 50; ++i) group.go([&] { ++ran; });
  EXPECT_TRUE(group.wait());
  EXPECT_EQ(ran, 50);
}

}  // namespace
}  // namespace sluice::sync
