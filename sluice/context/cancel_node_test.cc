// SPDX-License-Identifier: Apache-2.0

#include "sluice/context/cancel_node.h"

#include <gtest/gtest.h>

#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

struct Counter : CancelNode {
  Counter() : CancelNode([](CancelNode* self) { ++static_cast<Counter*>(self)->fired; }) {}
  int fired = 0;
};

TEST(CancelNode, FiresOnceOnCancel) {
  auto [context, cancel] = with_cancel(Context());
  Counter node;
  ASSERT_TRUE(node.add(context));
  EXPECT_EQ(node.fired, 0);
  cancel();
  EXPECT_EQ(node.fired, 1);
  EXPECT_FALSE(node.remove());
  EXPECT_EQ(node.fired, 1);
}

TEST(CancelNode, RemovedDoesNotFire) {
  auto [context, cancel] = with_cancel(Context());
  Counter node;
  ASSERT_TRUE(node.add(context));
  EXPECT_TRUE(node.remove());
  cancel();
  EXPECT_EQ(node.fired, 0);
}

TEST(CancelNode, DestructorRemoves) {
  auto [context, cancel] = with_cancel(Context());
  {
    Counter node;
    ASSERT_TRUE(node.add(context));
  }
  cancel();
}

TEST(CancelNode, IsRefusedByAnEndedContext) {
  auto [context, cancel] = with_cancel(Context());
  cancel();
  Counter node;
  EXPECT_FALSE(node.add(context));
  EXPECT_EQ(node.fired, 0);
}

TEST(CancelNode, OnTheBackgroundNeverFires) {
  Counter node;
  EXPECT_TRUE(node.add(Context()));
  EXPECT_TRUE(node.remove());
}

TEST(CancelNode, ManyFireInTheOrderAdded) {
  static std::vector<int>* order = nullptr;
  std::vector<int> seen;
  order = &seen;
  struct Ordered : CancelNode {
    explicit Ordered(int id)
        : CancelNode([](CancelNode* self) { order->push_back(static_cast<Ordered*>(self)->id); }),
          id(id) {}
    int id;
  };
  auto [context, cancel] = with_cancel(Context());
  Ordered a(1), b(2), c(3);
  ASSERT_TRUE(a.add(context) && b.add(context) && c.add(context));
  b.remove();
  cancel();
  EXPECT_EQ(seen, (std::vector{1, 3}));
}

TEST(CancelNode, WakesAParkedGoroutine) {
  Runtime runtime{{.max_procs = 2}};
  auto made = with_cancel(Context());
  runtime.block_on([&] {
    struct Waiter : CancelNode {
      Waiter()
          : CancelNode([](CancelNode* self) { runtime::ready(static_cast<Waiter*>(self)->g); }) {}
      runtime::G* g = runtime::current();
    } waiter;
    ASSERT_TRUE(waiter.add(made.context));
    go([&made] { made.cancel(); });
    runtime::park(runtime::WaitReason::select);
    EXPECT_FALSE(waiter.remove());
    EXPECT_TRUE(made.context.cancelled());
  });
}

}  // namespace
}  // namespace sluice
