// SPDX-License-Identifier: Apache-2.0

#include <exception>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

class AfterFunc : public testing::Test {
 protected:
  Runtime runtime_{{.max_procs = 2}};
};

TEST_F(AfterFunc, RunsAfterCancel) {
  auto [context, cancel] = with_cancel(Context());
  Channel<Unit> ran{1};
  StopFunc stop = after_func(context, [ran] { ran.send({}); });
  EXPECT_FALSE(ran.try_receive());
  cancel();
  EXPECT_TRUE(ran.receive());
  EXPECT_FALSE(stop());
}

TEST_F(AfterFunc, RunsAfterTheDeadline) {
  auto [context, cancel] = with_timeout(Context(), 1ms);
  Channel<Unit> ran{1};
  after_func(context, [ran] { ran.send({}); });
  EXPECT_TRUE(ran.receive());
}

TEST(AfterFuncThatThrows, GoesWithWhatItHolds) {
  static const Channel<Unit> failed{1};
  Runtime runtime{{.max_procs = 2, .on_panic = [](std::exception_ptr) { failed.send({}); }}};
  auto held = std::make_shared<int>(0);
  auto [context, cancel] = with_cancel(Context());
  after_func(context, [held] { throw std::runtime_error("failed"); });
  cancel();
  EXPECT_TRUE(failed.receive());
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(AfterFunc, RunsAtOnceOnAnEndedContext) {
  auto [context, cancel] = with_cancel(Context());
  cancel();
  Channel<Unit> ran{1};
  StopFunc stop = after_func(context, [ran] { ran.send({}); });
  EXPECT_TRUE(ran.receive());
  EXPECT_FALSE(stop());
}

TEST_F(AfterFunc, RunsWhenAnAncestorEnds) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  Channel<Unit> ran{1};
  after_func(with_value<int>(child, 1), [ran] { ran.send({}); });
  cancel_parent();
  EXPECT_TRUE(ran.receive());
}

TEST_F(AfterFunc, DoesNotRunAfterStop) {
  auto [context, cancel] = with_cancel(Context());
  auto held = std::make_shared<int>(0);
  StopFunc stop = after_func(context, [held] { ++*held; });
  EXPECT_TRUE(stop());
  EXPECT_EQ(held.use_count(), 1);  // the function is gone, so it cannot run
  cancel();
  EXPECT_FALSE(stop());
  EXPECT_EQ(*held, 0);
}

TEST_F(AfterFunc, DroppingStopFuncStopsNothing) {
  auto [context, cancel] = with_cancel(Context());
  Channel<Unit> ran{1};
  {
    StopFunc dropped = after_func(context, [ran] { ran.send({}); });
  }
  cancel();
  EXPECT_TRUE(ran.receive());
}

TEST_F(AfterFunc, CopiesOfStopFuncAgree) {
  auto [context, cancel] = with_cancel(Context());
  StopFunc stop = after_func(context, [] {});
  StopFunc copy = stop;
  EXPECT_TRUE(copy());
  EXPECT_FALSE(stop());
}

TEST_F(AfterFunc, CancelDoesNotWaitForIt) {
  auto [context, cancel] = with_cancel(Context());
  Channel<Unit> rendezvous;
  after_func(context, [rendezvous] { rendezvous.send({}); });
  cancel();
  EXPECT_TRUE(rendezvous.receive());
}

TEST_F(AfterFunc, CallsAreIndependent) {
  auto [context, cancel] = with_cancel(Context());
  Channel<int> ran{3};
  after_func(context, [ran] { ran.send(1); });
  StopFunc stop = after_func(context, [ran] { ran.send(10); });
  after_func(context, [ran] { ran.send(100); });
  EXPECT_TRUE(stop());
  cancel();
  EXPECT_EQ(*ran.receive() + *ran.receive(), 101);
}

TEST_F(AfterFunc, OnTheBackgroundIsOnlyStopped) {
  StopFunc stop = after_func(Context(), [] { FAIL(); });
  EXPECT_TRUE(stop());
  EXPECT_FALSE(stop());
}

TEST_F(AfterFunc, OutlivesTheContextsHandles) {
  auto parent = with_cancel(Context());
  auto child = with_cancel(parent.context);
  Channel<Unit> ran{1};
  after_func(child.context, [ran] { ran.send({}); });
  child.context = Context();
  parent.context = Context();
  parent.cancel();
  EXPECT_TRUE(ran.receive());
}

}  // namespace
}  // namespace sluice
