// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/wait_profile.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/contention.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/g.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/section.h"

namespace sluice::runtime {
namespace {

using std::chrono::milliseconds;

using Profile = DelayProfile (*)();

// What `act` adds to a profile, as the main goroutine of a Runtime of its own: what a P of it sees
// first of each kind is drawn.
std::vector<StackDelay> added(Profile profile, const std::function<void()>& act) {
  std::vector<StackDelay> before = profile().stacks;
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on(act);
  std::vector<StackDelay> added;
  for (StackDelay& now : profile().stacks) {
    auto then = std::ranges::find(before, now.frames, &StackDelay::frames);
    if (then != before.end()) {
      now.count -= then->count;
      now.delay -= then->delay;
    }
    if (now.count != 0) added.push_back(std::move(now));
  }
  return added;
}

// At least so long, by the clock that delays are measured with.
void let_pass(Duration duration) {
  for (Instant begin = now(); now() - begin < duration;) std::this_thread::yield();
}

// park() which ends at the hands of a goroutine that lets time pass first.
[[gnu::noinline]] void wait_for_another(WaitReason reason, Duration duration) {
  G* self = current();
  go([self, duration] {
    let_pass(duration);
    ready(self);
  });
  park(reason);
}

TEST(BlockProfile, MeasuresAWait) {
  std::vector<StackDelay> stacks =
      added(block_profile, [] { wait_for_another(WaitReason::chan_receive, milliseconds(20)); });
  ASSERT_EQ(stacks.size(), 1u);
  EXPECT_EQ(stacks[0].count, 1u);
  EXPECT_GE(stacks[0].delay, milliseconds(20));
  EXPECT_GE(stacks[0].frames.size(), 3u);
}

TEST(BlockProfile, MeasuresAWaitInASection) {
  std::vector<StackDelay> stacks = added(block_profile, [] {
    Section section;
    G* self = section.g();
    std::thread waker([self] {
      while ((self->sampled.load() & G::wait_drawn) == 0) std::this_thread::yield();
      let_pass(milliseconds(5));
      ready_sectioned(self);
    });
    waker.detach();
    section.park(WaitReason::select);
  });
  ASSERT_EQ(stacks.size(), 1u);
  EXPECT_EQ(stacks[0].count, 1u);
  EXPECT_GE(stacks[0].delay, milliseconds(5));
}

TEST(BlockProfile, TellsStacksApart) {
  std::vector<StackDelay> stacks = added(block_profile, [] {
    wait_for_another(WaitReason::mutex, milliseconds(1));
    wait_for_another(WaitReason::cond, milliseconds(2));
  });
  ASSERT_EQ(stacks.size(), 2u);
  EXPECT_NE(stacks[0].frames, stacks[1].frames);
}

TEST(BlockProfile, LeavesOutTimeAndDescriptors) {
  EXPECT_TRUE(added(block_profile, [] {
                wait_for_another(WaitReason::sleep, milliseconds(1));
                wait_for_another(WaitReason::io_wait, milliseconds(1));
                sleep_for(milliseconds(1));
              }).empty());
}

TEST(BlockProfile, LeavesOutWhoNeedNotWait) {
  EXPECT_TRUE(added(block_profile, [] {
                ready(current());
                park(WaitReason::chan_receive);
              }).empty());
}

TEST(BlockProfile, CountsAsManyAsThereAre) {
  constexpr int rounds = 200'000;
  std::vector<StackDelay> stacks = added(block_profile, [] {
    std::atomic<bool> done = false;
    G* main = current();
    go([&, main] {
      while (!done) {
        ready(main);
        yield();
      }
    });
    for (int i = 0; i < rounds; ++i) park(WaitReason::chan_receive);
    done = true;
  });
  uint64_t count = 0;
  for (const StackDelay& stack : stacks) count += stack.count;
  // Up to as many as the last counted for have come since.
  EXPECT_LE(count, uint64_t{rounds});
  EXPECT_GT(count, uint64_t{rounds} / 4);
}

// Dumps count equal stacks.
TEST(BlockProfile, ADrawnWaitLooksLikeOthers) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    constexpr size_t count = 50;
    std::vector<std::atomic<G*>> waiting(count);
    std::atomic<size_t> ended = 0;
    for (auto& each : waiting)
      go([&each, &ended] {
        each = current();
        park(WaitReason::wait_group);
        ++ended;
      });
    std::vector<std::vector<uintptr_t>> stacks;
    while (stacks.size() != count) {
      yield();
      stacks.clear();
      GoroutineDump dump = capture_goroutines();
      for (const Goroutine& goroutine : dump.goroutines)
        if (goroutine.state == GoroutineState::waiting)
          stacks.emplace_back(dump.frames(goroutine).begin(), dump.frames(goroutine).end());
    }
    for (const auto& stack : stacks) EXPECT_EQ(stack, stacks.front());
    for (auto& each : waiting) ready(each);
    while (ended != count) yield();
  });
}

TEST(MutexProfile, MeasuresFromTheTimeGiven) {
  std::vector<StackDelay> stacks = added(mutex_profile, [] {
    Instant since = now();
    let_pass(milliseconds(10));
    count_contention(since);
  });
  ASSERT_EQ(stacks.size(), 1u);
  EXPECT_EQ(stacks[0].count, 1u);
  EXPECT_GE(stacks[0].delay, milliseconds(10));
}

// Without its processor it stays on its thread; of those all are drawn while they are few.
TEST(MutexProfile, CountsWhoHasNoProcessor) {
  std::vector<StackDelay> stacks = added(mutex_profile, [] {
    for (int i = 0; i < 3; ++i) {
      let_pass(milliseconds(2));  // two draws are a spacing apart
      blocking([] { count_contention(now() - milliseconds(3)); });
    }
  });
  uint64_t count = 0;
  for (const StackDelay& stack : stacks) count += stack.count;
  EXPECT_GE(count, 1u);
}

TEST(MutexProfile, LeavesOutThreads) {
  EXPECT_TRUE(added(mutex_profile, [] {
                std::thread([] { count_contention(now() - milliseconds(1)); }).join();
              }).empty());
}

}  // namespace
}  // namespace sluice::runtime
