// SPDX-License-Identifier: Apache-2.0

#include "sluice/context/context.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice {
namespace {

const Error because{Code::aborted, "because"};
const Error other_cause{Code::aborted, "other"};

bool ended(const Context& context) { return !context.done().try_receive() && context.cancelled(); }

void expect_live(const Context& context) {
  EXPECT_FALSE(context.cancelled());
  EXPECT_FALSE(context.err());
  EXPECT_FALSE(context.cause());
}

void expect_ended(const Context& context, const Error& error, const Error& cause) {
  EXPECT_TRUE(context.cancelled());
  EXPECT_FALSE(context.done().receive());
  ASSERT_TRUE(context.err());
  EXPECT_TRUE(is(*context.err(), error)) << context.err()->to_string();
  ASSERT_TRUE(context.cause());
  EXPECT_TRUE(is(*context.cause(), cause)) << context.cause()->to_string();
}
void expect_canceled(const Context& context) {
  expect_ended(context, context_canceled, context_canceled);
}

TEST(Context, BackgroundNeverEnds) {
  Context context = Context::background();
  expect_live(context);
  EXPECT_EQ(context.done(), Channel<Unit>::nil().receive_only());
  EXPECT_FALSE(context.deadline());
  EXPECT_EQ(context.value<int>(), nullptr);
}

TEST(Context, DefaultConstructedIsTheBackground) { EXPECT_EQ(Context(), Context::background()); }

TEST(Context, MovedFromIsTheBackground) {
  auto [context, cancel] = with_cancel(Context());
  Context taken = std::move(context);
  EXPECT_EQ(context, Context());
  EXPECT_FALSE(taken == Context());
}

TEST(Context, ErrorsCarryTheCanonicalCodes) {
  EXPECT_EQ(Error(context_canceled).code(), Code::cancelled);
  EXPECT_EQ(Error(context_canceled).message(), "context canceled");
  EXPECT_EQ(Error(context_deadline_exceeded).code(), Code::deadline_exceeded);
  EXPECT_EQ(Error(context_deadline_exceeded).message(), "context deadline exceeded");
}

TEST(WithCancel, LivesUntilCancelled) {
  auto [context, cancel] = with_cancel(Context());
  expect_live(context);
  cancel();
  expect_canceled(context);
}

TEST(WithCancel, DoneIsTheSameChannelEachTime) {
  auto [context, cancel] = with_cancel(Context());
  auto before = context.done();
  EXPECT_EQ(before, context.done());
  cancel();
  EXPECT_EQ(before, context.done());
}

TEST(WithCancel, DoneAskedAfterTheEndIsClosed) {
  auto [context, cancel] = with_cancel(Context());
  cancel();
  EXPECT_FALSE(context.done().receive());
  EXPECT_EQ(context.done(), context.done());
}

TEST(WithCancel, ScopeExitCancels) {
  Context kept;
  {
    auto [context, cancel] = with_cancel(Context());
    kept = context;
    expect_live(kept);
  }
  expect_canceled(kept);
}

TEST(WithCancel, MovedCancelFuncCancelsFromItsNewScope) {
  auto [context, cancel] = with_cancel(Context());
  {
    CancelFunc taken = std::move(cancel);
    cancel();  // moved from: does nothing
    expect_live(context);
  }
  expect_canceled(context);
}

TEST(WithCancel, AssigningACancelFuncCancelsWhatItHeld) {
  auto [first, cancel_first] = with_cancel(Context());
  auto [second, cancel_second] = with_cancel(Context());
  cancel_first = std::move(cancel_second);
  expect_canceled(first);
  expect_live(second);
}

TEST(WithCancel, SecondCallDoesNothing) {
  auto [context, cancel] = with_cancel(Context());
  cancel();
  cancel(because);
  expect_canceled(context);
}

TEST(WithCancel, ParentEndsItsWholeTree) {
  auto [parent, cancel] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  Context value = with_value<int>(parent, 1);
  auto [grandchild, cancel_grandchild] = with_cancel(value);
  expect_live(child);
  expect_live(value);
  expect_live(grandchild);
  cancel();
  expect_canceled(parent);
  expect_canceled(child);
  expect_canceled(value);
  expect_canceled(grandchild);
}

TEST(WithCancel, ValueChildOfAnEndedParentIsEnded) {
  auto [parent, cancel] = with_cancel(Context());
  cancel();
  expect_canceled(with_value<int>(parent, 1));
}

TEST(WithCancel, ChildEndsAloneWithoutItsParent) {
  auto [parent, cancel] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  auto [sibling, cancel_sibling] = with_cancel(parent);
  cancel_child();
  expect_canceled(child);
  expect_live(parent);
  expect_live(sibling);
}

TEST(WithCancel, ChildOfAnEndedParentIsEndedWithTheParentsCause) {
  auto [parent, cancel] = with_cancel(Context());
  cancel(because);
  auto [child, cancel_child] = with_cancel(parent);
  expect_ended(child, context_canceled, because);
}

TEST(WithCancel, ChildOutlivesTheParentsHandles) {
  Context child;
  CancelFunc cancel_child;
  auto parent = with_cancel(Context());
  {
    auto made = with_cancel(parent.context);
    child = made.context;
    cancel_child = std::move(made.cancel);
  }
  parent.context = Context();
  expect_live(child);
  parent.cancel();
  expect_canceled(child);
}

TEST(WithCancel, ChildMayEndAfterTheParentIsGone) {
  auto parent = with_cancel(Context());
  auto child = with_cancel(parent.context);
  parent = {};
  expect_canceled(child.context);
  child.cancel(because);
  expect_canceled(child.context);
}

TEST(WithCancel, WideTreeEndsInOneCall) {
  auto [root, cancel] = with_cancel(Context());
  std::vector<CancellableContext> tree;
  for (int i = 0; i < 10; ++i) tree.push_back(with_cancel(root));
  for (int i = 0; i < 1000; ++i) tree.push_back(with_cancel(tree[i % 10].context));
  cancel(because);
  for (auto& [context, unused] : tree) expect_ended(context, context_canceled, because);
}

TEST(WithCancel, DeepTreeEndsAndIsFreedWithoutRecursion) {
  auto [root, cancel] = with_cancel(Context());
  std::vector<CancelFunc> cancels;
  Context leaf = root;
  for (int i = 0; i < 200'000; ++i) {
    auto [child, cancel_child] = with_cancel(leaf);
    leaf = child;
    cancels.push_back(std::move(cancel_child));
  }
  cancel();
  expect_canceled(leaf);
}

TEST(WithCancel, LongChainOfValuesIsFreedWithoutRecursion) {
  Context context;
  for (int i = 0; i < 500'000; ++i) context = with_value<int>(context, i);
  EXPECT_EQ(*context.value<int>(), 499'999);
}

// What Go's TestCause asserts of cancel causes, one row a case.
TEST(Cause, IsWhatTheFirstCancelGave) {
  auto [context, cancel] = with_cancel(Context());
  cancel(because);
  cancel(other_cause);
  expect_ended(context, context_canceled, because);
}

TEST(Cause, ParentBeforeChildGivesTheParents) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  cancel_parent(because);
  cancel_child(other_cause);
  expect_ended(child, context_canceled, because);
  expect_ended(parent, context_canceled, because);
}

TEST(Cause, ChildBeforeParentKeepsItsOwn) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  cancel_child(other_cause);
  cancel_parent(because);
  expect_ended(child, context_canceled, other_cause);
  expect_ended(parent, context_canceled, because);
}

TEST(Cause, ParentsBeforeAPlainCancelIsTheChilds) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  cancel_parent(because);
  cancel_child();
  expect_ended(child, context_canceled, because);
}

TEST(Cause, ParentsAfterAPlainCancelIsNotTheChilds) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  cancel_child();
  cancel_parent(because);
  expect_canceled(child);
}

TEST(Cause, ChildsAfterAPlainCancelOfTheParentComesTooLate) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  cancel_parent();
  cancel_child(because);
  expect_canceled(child);
}

TEST(Cause, ChildsBeforeAPlainCancelOfTheParentStays) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  cancel_child(because);
  cancel_parent();
  expect_ended(child, context_canceled, because);
  expect_canceled(parent);
}

TEST(Cause, GrandchildHasTheGrandparents) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel_child] = with_cancel(parent);
  auto [grandchild, cancel_grandchild] = with_cancel(with_value<int>(child, 1));
  cancel_parent(because);
  expect_ended(grandchild, context_canceled, because);
}

struct UserName {
  using Value = std::string;
};
struct Tenant {
  using Value = std::string;
};
struct Owned {
  using Value = std::unique_ptr<int>;
};
struct Shared {
  using Value = std::shared_ptr<int>;
};
struct Depth {
  int levels;
};

TEST(WithValue, InnermostValueOfTheKeyIsFound) {
  Context outer = with_value<UserName>(Context(), "ann");
  Context inner = with_value<UserName>(outer, "bob");
  EXPECT_EQ(*outer.value<UserName>(), "ann");
  EXPECT_EQ(*inner.value<UserName>(), "bob");
}

TEST(WithValue, KeysOfEqualValueTypeAreDistinct) {
  Context context = with_value<UserName>(Context(), "ann");
  EXPECT_EQ(context.value<Tenant>(), nullptr);
  context = with_value<Tenant>(context, "acme");
  EXPECT_EQ(*context.value<UserName>(), "ann");
  EXPECT_EQ(*context.value<Tenant>(), "acme");
}

TEST(WithValue, TypeMayBeItsOwnKey) {
  Context context = with_value<Depth>(Context(), Depth{3});
  EXPECT_EQ(context.value<Depth>()->levels, 3);
}

TEST(WithValue, IsSeenThroughCancelContexts) {
  auto [context, cancel] = with_cancel(with_value<UserName>(Context(), "ann"));
  EXPECT_EQ(*context.value<UserName>(), "ann");
  cancel();
  EXPECT_EQ(*context.value<UserName>(), "ann");
}

TEST(WithValue, ValueThatCannotBeMadeLeavesTheParentAlone) {
  struct Unmakeable {
    explicit Unmakeable(int) { throw std::runtime_error("no"); }
  };
  auto held = std::make_shared<int>(0);
  {
    Context parent = with_value<std::shared_ptr<int>>(Context(), held);
    EXPECT_THROW(with_value<Unmakeable>(parent, 1), std::runtime_error);
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(WithValue, TakesMoveOnlyValues) {
  Context context = with_value<Owned>(Context(), std::make_unique<int>(7));
  EXPECT_EQ(**context.value<Owned>(), 7);
}

TEST(WithValue, ValueGoesWithTheLastHandle) {
  auto held = std::make_shared<int>(1);
  {
    Context context = with_value<Shared>(Context(), held);
    Context child = with_value<Depth>(context, Depth{1});
    context = Context();
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(WithoutCancel, KeepsValuesOnly) {
  auto [parent, cancel] = with_cancel(with_value<UserName>(Context(), "ann"));
  Context context = without_cancel(parent);
  EXPECT_EQ(*context.value<UserName>(), "ann");
  EXPECT_EQ(context.done(), Channel<Unit>::nil().receive_only());
  EXPECT_FALSE(context.deadline());
  cancel(because);
  expect_live(context);
  EXPECT_TRUE(ended(parent));
}

TEST(WithoutCancel, ChildOfItEndsByItsOwnCancelOnly) {
  auto [parent, cancel_parent] = with_cancel(Context());
  auto [child, cancel] = with_cancel(without_cancel(parent));
  cancel_parent(because);
  expect_live(child);
  cancel(other_cause);
  expect_ended(child, context_canceled, other_cause);
}

TEST(WithoutCancel, OfAnEndedParentIsLive) {
  auto [parent, cancel] = with_cancel(Context());
  cancel();
  expect_live(without_cancel(parent));
}

// Static objects that are destroyed late may still ask: the program's end is no end of contexts.
TEST(ContextDeathTest, DoneMayBeAskedForWhileTheProcessEnds) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        static Context* ended = new Context;
        std::atexit([] { ::_exit(ended->done().receive() ? 1 : 7); });
        *ended = with_cancel(Context()).context;
        EXPECT_FALSE(ended->done().receive());
        std::exit(0);
      },
      testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace sluice
