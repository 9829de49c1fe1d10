// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/goroutine_leaks.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {

// Where goroutines of these tests wait and come from: named, so that texts can be asked for it.
[[gnu::noinline]] void select_forever() {
  set_goroutine_name("waiter");
  select();
  asm volatile("");
}
[[gnu::noinline]] void start_selecting() {
  go([] { select_forever(); });
  asm volatile("");
}
[[gnu::noinline]] void wait_in_pool(const Channel<int>& jobs) {
  set_goroutine_name("waiter");
  jobs.receive();
  asm volatile("");
}
[[gnu::noinline]] void start_pool(const Channel<int>& jobs, int count) {
  for (int i = 0; i < count; ++i) go([jobs] { wait_in_pool(jobs); });
  asm volatile("");
}
[[gnu::noinline]] StopFunc forget_to_stop(const Context& context) {
  StopFunc stop = after_func(context, [] {});
  asm volatile("");
  return stop;
}

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

std::string text_of(const LeakReport& report, bool (*write)(const LeakReport&, const TextSink&)) {
  std::string text;
  EXPECT_TRUE(write(report, [&](std::string_view piece) {
    text += piece;
    return true;
  }));
  return text;
}

TEST(GoroutineLeaks, OneThatWaitsForNothingIsProvedAndShown) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    start_selecting();
    internal::wait_for_waiters(1);
    LeakReport report = find_leaks();
    EXPECT_EQ(report.proved, 1u);
    EXPECT_THAT(text_of(report, write_leaks),
                AllOf(StartsWith("# proved to be leaked: 1 goroutine"),
                      HasSubstr(" [select (no cases) (leaked) labels:{\"name\": \"waiter\"}]:\n"),
                      HasSubstr("sluice::debug::select_forever(...)\n"),
                      HasSubstr("created by sluice::debug::start_selecting in goroutine ")));
    EXPECT_THAT(text_of(report, write_leak_counts),
                AllOf(StartsWith("goroutineleak profile: total 1\n1 @ 0x"),
                      HasSubstr("sluice::debug::select_forever")));
    EXPECT_THAT(leak_profile(report), StartsWith("\x1f\x8b"));
  });
}

TEST(GoroutineLeaks, APoolThatWaitsIsNoneProvedAndASuspectAfterItsTime) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Channel<int> jobs;
    start_pool(jobs, 3);
    internal::wait_for_waiters(3);
    LeakReport early = find_leaks(nullptr, std::chrono::hours(1));
    EXPECT_EQ(early.proved, 0u);
    EXPECT_TRUE(early.suspects.empty());
    LeakReport late = find_leaks(nullptr, Duration::zero());
    EXPECT_EQ(late.proved, 0u);
    ASSERT_EQ(late.suspects.size(), 1u);
    EXPECT_EQ(late.suspects[0].count, 3u);
    EXPECT_THAT(text_of(late, write_leaks),
                AllOf(StartsWith("# proved to be leaked: 0 goroutines"),
                      HasSubstr("\n# suspected: 3 goroutines of this kind, the longest wait "),
                      HasSubstr("sluice::debug::wait_in_pool(...)\n"),
                      HasSubstr("created by sluice::debug::start_pool in goroutine ")));
    jobs.close();
  });
}

TEST(GoroutineLeaks, WhatWasThereAtTheBaselineIsNotSuspected) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Channel<int> jobs;
    start_pool(jobs, 3);
    internal::wait_for_waiters(3);
    LeakBaseline baseline = LeakBaseline::take();
    EXPECT_TRUE(find_leaks(&baseline, Duration::zero()).suspects.empty());
    start_pool(jobs, 2);
    internal::wait_for_waiters(5);
    LeakReport report = find_leaks(&baseline, Duration::zero());
    ASSERT_EQ(report.suspects.size(), 1u);
    EXPECT_EQ(report.suspects[0].count, 5u);
    EXPECT_EQ(report.suspects[0].grown, 2u);
    EXPECT_THAT(text_of(report, write_leaks),
                HasSubstr("# suspected: 5 goroutines of this kind, 2 more than 0 seconds ago, "));
    jobs.close();
  });
}

TEST(GoroutineLeaks, TheKindThatGrewMostComesFirst) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    LeakBaseline baseline = LeakBaseline::take();
    Channel<int> few, many;
    start_pool(few, 1);
    for (int i = 0; i < 4; ++i)
      go([many] {
        set_goroutine_name("waiter");
        many.receive();
      });
    internal::wait_for_waiters(5);
    LeakReport report = find_leaks(&baseline, Duration::zero());
    ASSERT_EQ(report.suspects.size(), 2u);
    EXPECT_EQ(report.suspects[0].grown, 4u);
    EXPECT_EQ(report.suspects[1].grown, 1u);
    few.close();
    many.close();
  });
}

TEST(GoroutineLeaks, FunctionsThatAreNeverStoppedAreSuspected) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    LeakBaseline baseline = LeakBaseline::take();
    auto [context, cancel] = with_cancel(Context::background());
    std::vector<StopFunc> stops;
    for (int i = 0; i < 3; ++i) stops.push_back(forget_to_stop(context));
    LeakReport report = find_leaks(&baseline, Duration::zero());
    ASSERT_EQ(report.funcs.size(), 1u);
    EXPECT_EQ(report.funcs[0].grown, 3u);
    EXPECT_THAT(text_of(report, write_leaks),
                AllOf(HasSubstr("# suspected: 3 functions given to after_func() that neither ran "
                                "nor were stopped, 3 more than "),
                      HasSubstr("# given by sluice::debug::forget_to_stop\n")));
    for (const StopFunc& stop : stops) stop();
    EXPECT_TRUE(find_leaks(&baseline, Duration::zero()).funcs.empty());
  });
}

TEST(GoroutineLeaks, ASinkThatTakesNoMoreEndsTheText) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    start_selecting();
    internal::wait_for_waiters(1);
    LeakReport report = find_leaks();
    for (auto* write : {write_leaks, write_leak_counts}) {
      int pieces = 0;
      EXPECT_FALSE(write(report, [&](std::string_view) { return ++pieces < 2; }));
      EXPECT_EQ(pieces, 2);
    }
  });
}

}  // namespace
}  // namespace sluice::debug
