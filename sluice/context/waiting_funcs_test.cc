// SPDX-License-Identifier: Apache-2.0

#include "sluice/context/waiting_funcs.h"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

TEST(WaitingFuncs, OneWaitsUntilItIsStopped) {
  size_t before = waiting_funcs().size();
  auto [context, cancel] = with_cancel(Context::background());
  StopFunc stop = after_func(context, [] {});
  std::vector<WaitingFunc> funcs = waiting_funcs();
  ASSERT_EQ(funcs.size(), before + 1);
  EXPECT_NE(funcs.back().created_by, 0u);
  EXPECT_TRUE(stop());
  EXPECT_EQ(waiting_funcs().size(), before);
}

TEST(WaitingFuncs, OneWaitsUntilItsContextEnds) {
  Runtime runtime;
  runtime.block_on([] {
    size_t before = waiting_funcs().size();
    auto [context, cancel] = with_cancel(Context::background());
    Channel<Unit> ran;
    StopFunc stop = after_func(context, [ran] { ran.send({}); });
    EXPECT_EQ(waiting_funcs().size(), before + 1);
    cancel();
    EXPECT_EQ(waiting_funcs().size(), before);
    ran.receive();
    EXPECT_FALSE(stop());
  });
}

TEST(WaitingFuncs, OneWhoseContextHasEndedOrNeverEndsDoesNotWait) {
  Runtime runtime;
  runtime.block_on([] {
    size_t before = waiting_funcs().size();
    StopFunc never = after_func(Context::background(), [] {});
    EXPECT_EQ(waiting_funcs().size(), before);
    auto [context, cancel] = with_cancel(Context::background());
    cancel();
    Channel<Unit> ran;
    StopFunc stop = after_func(context, [ran] { ran.send({}); });
    EXPECT_EQ(waiting_funcs().size(), before);
    ran.receive();
  });
}

TEST(WaitingFuncs, EachHasAnIdOfItsOwn) {
  auto [context, cancel] = with_cancel(Context::background());
  std::vector<uint64_t> seen;
  for (int round = 0; round < 100; ++round) {
    StopFunc stop = after_func(context, [] {});
    uint64_t id = 0;
    for (const WaitingFunc& func : waiting_funcs()) id = std::max(id, func.id);
    for (uint64_t each : seen) EXPECT_NE(each, id);
    seen.push_back(id);
    stop();
  }
}

TEST(WaitingFuncs, CountsThoseOfManyGoroutines) {
  Runtime runtime{{.max_procs = 4}};
  runtime.block_on([] {
    size_t before = waiting_funcs().size();
    auto [context, cancel] = with_cancel(Context::background());
    constexpr int goroutines = 8;
    Channel<Unit> done(goroutines);
    for (int i = 0; i < goroutines; ++i)
      go([&context, done] {
        for (int round = 0; round < 200; ++round) {
          StopFunc first = after_func(context, [] {});
          StopFunc second = after_func(context, [] {});
          EXPECT_GE(waiting_funcs().size(), 2u);
          EXPECT_TRUE(first());
          EXPECT_TRUE(second());
        }
        done.send({});
      });
    for (int i = 0; i < goroutines; ++i) done.receive();
    EXPECT_EQ(waiting_funcs().size(), before);
  });
}

}  // namespace
}  // namespace sluice
