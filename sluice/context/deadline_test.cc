// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

const Error too_slow{Code::deadline_exceeded, "too slow"};
const Error because{Code::aborted, "because"};

class Deadline : public testing::Test {
 protected:
  Runtime runtime_{{.max_procs = 2}};
};

void expect_deadline_exceeded(const Context& context, const Error& cause) {
  EXPECT_FALSE(context.done().receive());
  ASSERT_TRUE(context.err());
  EXPECT_TRUE(is(*context.err(), context_deadline_exceeded));
  EXPECT_TRUE(is(*context.cause(), cause));
}

TEST_F(Deadline, EndsTheContextWhenItPasses) {
  runtime_.block_on([] {
    Instant start = now();
    auto [context, cancel] = with_timeout(Context(), 2ms);
    expect_deadline_exceeded(context, context_deadline_exceeded);
    EXPECT_GE(now() - start, 2ms);
  });
}

TEST_F(Deadline, IsReported) {
  Instant when = now() + 1h;
  auto [context, cancel] = with_deadline(Context(), when);
  EXPECT_EQ(context.deadline(), when);
}

TEST_F(Deadline, InThePastGivesAnEndedContext) {
  auto [past, cancel] = with_deadline(Context(), now() - 1s);
  EXPECT_TRUE(past.cancelled());
  expect_deadline_exceeded(past, context_deadline_exceeded);
  auto [present, cancel_present] = with_timeout(Context(), 0s);
  expect_deadline_exceeded(present, context_deadline_exceeded);
}

TEST_F(Deadline, MayBeAsFarAwayAsClocksCount) {
  auto [past, cancel_past] = with_deadline(Context(), Instant::min());
  EXPECT_TRUE(past.cancelled());
  expect_deadline_exceeded(past, context_deadline_exceeded);
  auto [ended, cancel_ended] = with_timeout(Context(), Duration::min());
  expect_deadline_exceeded(ended, context_deadline_exceeded);
  auto [future, cancel_future] = with_deadline(Context(), Instant::max());
  EXPECT_FALSE(future.cancelled());
  auto [live, cancel_live] = with_timeout(Context(), Duration::max());
  EXPECT_FALSE(live.cancelled());
}

TEST_F(Deadline, CancelledInTimeIsCanceled) {
  auto [context, cancel] = with_timeout(Context(), 1h);
  EXPECT_FALSE(context.err());
  cancel();
  EXPECT_FALSE(context.done().receive());
  EXPECT_TRUE(is(*context.err(), context_canceled));
}

TEST_F(Deadline, EarlierOneOfTheParentWins) {
  auto [parent, cancel_parent] = with_timeout(Context(), 1ms);
  auto [child, cancel_child] = with_timeout(parent, 1h);
  EXPECT_EQ(child.deadline(), parent.deadline());
  runtime_.block_on([&] { expect_deadline_exceeded(child, context_deadline_exceeded); });
}

TEST_F(Deadline, LaterOneOfTheParentLoses) {
  auto [parent, cancel_parent] = with_timeout(Context(), 1h);
  auto [child, cancel_child] = with_timeout(parent, 1ms);
  expect_deadline_exceeded(child, context_deadline_exceeded);
  EXPECT_FALSE(parent.err());
}

TEST_F(Deadline, IsInheritedThroughValuesAndCancels) {
  auto [parent, cancel_parent] = with_timeout(Context(), 1h);
  auto [child, cancel_child] = with_cancel(with_value<int>(parent, 1));
  EXPECT_EQ(child.deadline(), parent.deadline());
  EXPECT_FALSE(without_cancel(child).deadline());
}

TEST_F(Deadline, NeverIsNoDeadline) {
  auto [context, cancel] = with_timeout(Context(), Duration::max());
  EXPECT_FALSE(context.deadline());
  auto [other, cancel_other] = with_deadline(Context(), Instant::max());
  EXPECT_FALSE(other.deadline());
}

TEST_F(Deadline, OfAnEndedParentLeavesTheParentsReason) {
  auto [parent, cancel_parent] = with_cancel(Context());
  cancel_parent(because);
  for (Duration timeout : {Duration(-1s), Duration(1h)}) {
    auto [child, cancel] = with_timeout(parent, timeout);
    EXPECT_TRUE(is(*child.err(), context_canceled));
    EXPECT_TRUE(is(*child.cause(), because));
  }
}

TEST_F(Deadline, CauseIsGivenWhenItPasses) {
  auto [context, cancel] = with_timeout(Context(), 1ms, too_slow);
  expect_deadline_exceeded(context, too_slow);
  auto [other, cancel_other] = with_deadline(Context(), now(), too_slow);
  expect_deadline_exceeded(other, too_slow);
}

TEST_F(Deadline, CauseStaysWhenTheParentEndsLater) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel] = with_timeout(parent, 0s, too_slow);
  cancel_parent(because);
  expect_deadline_exceeded(child, too_slow);
}

TEST_F(Deadline, CauseGivesWayToTheParentsWhenThatEndsInTime) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel] = with_timeout(parent, 1h, too_slow);
  cancel_parent(because);
  EXPECT_TRUE(is(*child.err(), context_canceled));
  EXPECT_TRUE(is(*child.cause(), because));
}

TEST_F(Deadline, OfTheParentDoesNotReachThroughWithoutCancel) {
  auto [parent, cancel_parent] = with_timeout(Context(), 0s, too_slow);
  Context detached = without_cancel(parent);
  EXPECT_FALSE(detached.deadline());
  EXPECT_FALSE(detached.err());
  EXPECT_FALSE(detached.cause());
}

TEST_F(Deadline, CauseIsNotGivenByACancel) {
  auto [context, cancel] = with_timeout(Context(), 1h, too_slow);
  cancel();
  EXPECT_TRUE(is(*context.cause(), context_canceled));
}

TEST_F(Deadline, ChildOfAnExpiredParentHasItsReasonAndCause) {
  auto [parent, cancel_parent] = with_timeout(Context(), 1ms, too_slow);
  expect_deadline_exceeded(parent, too_slow);
  auto [child, cancel_child] = with_cancel(parent);
  expect_deadline_exceeded(child, too_slow);
}

TEST_F(Deadline, CancelAfterwardsChangesNothing) {
  auto [context, cancel] = with_timeout(Context(), 1ms, too_slow);
  expect_deadline_exceeded(context, too_slow);
  cancel(because);
  expect_deadline_exceeded(context, too_slow);
}

TEST_F(Deadline, WakesASelect) {
  runtime_.block_on([] {
    Channel<int> silent;
    auto [context, cancel] = with_timeout(Context(), 1ms);
    bool timed_out = false;
    select(on_receive(silent, [](int) {}), on_receive(context.done(), [&] { timed_out = true; }));
    EXPECT_TRUE(timed_out);
  });
}

TEST_F(Deadline, EndsARangeOverAChannel) {
  runtime_.block_on([] {
    Channel<int> channel{2};
    channel.send(1);
    auto [context, cancel] = with_timeout(Context(), 1ms);
    int received = 0;
    for (int value : channel.until(context)) received += value;
    EXPECT_EQ(received, 1);
  });
}

// The value's destructor waits, which the scheduler's thread must never do.
TEST_F(Deadline, LastOwnerOnTheSchedulerFreesElsewhere) {
  struct Key {
    struct Value {
      Channel<Unit> freed = Channel<Unit>::nil();
      Value(Channel<Unit> freed) : freed(std::move(freed)) {}
      Value(Value&& other) : freed(std::exchange(other.freed, Channel<Unit>::nil())) {}
      ~Value() {
        if (freed != Channel<Unit>::nil()) freed.send({});
      }
    };
  };
  runtime_.block_on([] {
    for (int i = 0; i < 200; ++i) {
      Channel<Unit> freed;
      go([freed] {
        auto [context, cancel] =
            with_timeout(with_value<Key>(Context(), Key::Value(freed)), Duration(20'000));
        context.done().receive();
      });
      EXPECT_TRUE(freed.receive());
    }
  });
}

}  // namespace
}  // namespace sluice
