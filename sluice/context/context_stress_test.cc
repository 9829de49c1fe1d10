// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/select.h"
#include "sluice/context/cancel_node.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;

const Error because{Code::aborted, "because"};

class ContextStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, ContextStress, testing::Values(1, 2, 4));

TEST_P(ContextStress, CancelRacesWithTheBirthOfAChild) {
  runtime_.block_on([] {
    for (int i = 0; i < 300; ++i) {
      auto parent = with_cancel(Context());
      go([cancel = std::move(parent.cancel)] { cancel(because); });
      auto [child, cancel_child] = with_cancel(parent.context);
      EXPECT_FALSE(child.done().receive());
      EXPECT_TRUE(is(*child.err(), context_canceled));
      EXPECT_TRUE(is(*child.cause(), because));
    }
  });
}

TEST_P(ContextStress, ErrIsSetOnlyWithDoneClosed) {
  runtime_.block_on([] {
    for (int i = 0; i < 300; ++i) {
      auto made = with_cancel(Context());
      auto done = made.context.done();
      go([cancel = std::move(made.cancel)] { cancel(); });
      while (!made.context.err()) yield();
      bool closed = false;
      select(on_receive(done, [&] { closed = true; }), on_default([] {}));
      EXPECT_TRUE(closed);
    }
  });
}

TEST_P(ContextStress, CauseIsNeverSeenHalfSet) {
  runtime_.block_on([] {
    for (int i = 0; i < 300; ++i) {
      auto made = with_cancel(Context());
      go([cancel = std::move(made.cancel)] { cancel(because); });
      std::optional<Error> cause;
      while (!(cause = made.context.cause())) yield();
      EXPECT_TRUE(is(*cause, because));
    }
  });
}

TEST_P(ContextStress, SimultaneousCancelsOfATreeAllReturn) {
  runtime_.block_on([] {
    std::vector<CancellableContext> tree;
    tree.push_back(with_cancel(Context()));
    for (size_t i = 0; tree.size() < 100; ++i)
      for (int k = 0; k < 4; ++k) tree.push_back(with_cancel(tree[i].context));
    Channel<Unit> returned{tree.size()};
    std::vector<Context> contexts;
    for (auto& node : tree) contexts.push_back(node.context);
    std::shuffle(tree.begin(), tree.end(), std::minstd_rand(7));
    for (auto& node : tree)
      go([cancel = std::move(node.cancel), returned] {
        cancel();
        returned.send({});
      });
    for (auto& context : contexts) EXPECT_FALSE(context.done().receive());
    for (size_t i = 0; i < contexts.size(); ++i) returned.receive();
  });
}

TEST_P(ContextStress, ChildMayBeCancelledByAWatcherOfTheParent) {
  runtime_.block_on([] {
    for (int i = 0; i < 100; ++i) {
      auto parent = with_cancel(Context());
      auto child = with_cancel(parent.context);
      go([watched = parent.context, cancel = std::move(child.cancel)] {
        watched.done().receive();
        cancel();
      });
      parent.cancel();
      EXPECT_FALSE(child.context.done().receive());
    }
  });
}

// Timer, cancel function and parent all end the same context; exactly one reason is kept.
TEST_P(ContextStress, TimerRacesWithCancelAndParent) {
  runtime_.block_on([] {
    std::minstd_rand random(11);
    for (int i = 0; i < 300; ++i) {
      auto parent = with_cancel(Context());
      auto child = with_timeout(parent.context, Duration(random() % 60'000));
      Context context = child.context;
      go([cancel = std::move(parent.cancel)] { cancel(because); });
      go([cancel = std::move(child.cancel)] { cancel(); });
      EXPECT_FALSE(context.done().receive());
      Error first = *context.err();
      EXPECT_TRUE(is(first, context_canceled) || is(first, context_deadline_exceeded));
      EXPECT_TRUE(is(*context.err(), first));
    }
  });
}

TEST_P(ContextStress, TimerRacesWithScopeExit) {
  runtime_.block_on([] {
    std::minstd_rand random(13);
    auto [parent, cancel_parent] = with_cancel(Context());
    for (int i = 0; i < 2000; ++i) {
      auto [context, cancel] = with_timeout(parent, Duration(1 + random() % 3'000));
      if (i % 3 == 0) yield();
    }
  });
}

TEST_P(ContextStress, EitherStopOrTheFunctionHappens) {
  runtime_.block_on([] {
    for (int i = 0; i < 300; ++i) {
      auto made = with_cancel(Context());
      std::atomic<int> happened{0};
      Channel<Unit> ran{1};
      StopFunc stop = after_func(made.context, [&happened, ran] {
        ++happened;
        ran.send({});
      });
      Channel<Unit> cancelled;
      go([&made, cancelled] {
        made.cancel();
        cancelled.send({});
      });
      if (stop())
        ++happened;
      else
        ran.receive();
      cancelled.receive();
      EXPECT_EQ(happened, 1);
    }
  });
}

TEST_P(ContextStress, NodesComeAndGoWhileTheContextEnds) {
  struct Counter : CancelNode {
    Counter() : CancelNode([](CancelNode* self) { ++static_cast<Counter*>(self)->fired; }) {}
    int fired = 0;  // plain: remove() orders it after fire
  };
  runtime_.block_on([] {
    for (int round = 0; round < 50; ++round) {
      auto made = with_cancel(Context());
      Channel<Unit> joined{8};
      for (int g = 0; g < 8; ++g)
        go([context = made.context, joined] {
          for (;;) {
            Counter node;
            if (!node.add(context)) break;
            yield();
            bool intact = node.remove();
            EXPECT_EQ(node.fired, intact ? 0 : 1);
          }
          joined.send({});
        });
      yield();
      made.cancel();
      for (int g = 0; g < 8; ++g) joined.receive();
    }
  });
}

TEST_P(ContextStress, ThreadsThatAreNoGoroutinesTakePart) {
  auto root = with_cancel(Context());
  std::vector<std::thread> threads;
  std::atomic<int> woken{0};
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      auto [context, cancel] = with_timeout(root.context, 1h + i * 1s);
      context.done().receive();
      EXPECT_TRUE(is(*context.cause(), because));
      ++woken;
    });
  runtime_.block_on([&] { root.cancel(because); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(woken, 4);
}

}  // namespace
}  // namespace sluice
