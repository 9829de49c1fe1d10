// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/stop_world.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/observe.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

constexpr bool stops = !sanitizer::thread;

// Stops, retrying where another process had the CPU for long.
bool stop(StoppedWorld& world) {
  bool stopped = world.stop();
  while (!stopped && world.may_try_again()) stopped = world.stop();
  return stopped;
}

TEST(StopWorld, NobodyRunsWhileItIsStopped) {
  if (!stops) return;
  std::lock_guard lock(one_observer());
  std::atomic<bool> end{false};
  std::atomic<uint64_t> turns[4] = {};
  std::vector<std::thread> threads;
  for (std::atomic<uint64_t>& each : turns)
    threads.emplace_back([&] {
      while (!end) each.fetch_add(1, std::memory_order_relaxed);
    });
  for (int round = 0; round < 10; ++round) {
    while (std::any_of(turns, turns + 4, [](auto& each) { return each == 0; }))
      std::this_thread::yield();
    StoppedWorld world;
    ASSERT_TRUE(stop(world));
    uint64_t before[4];
    for (int i = 0; i < 4; ++i) before[i] = turns[i];
    for (int pause = 0; pause < 100; ++pause) ::sched_yield();
    bool still = true;
    for (int i = 0; i < 4; ++i) still = still && turns[i] == before[i];
    world.resume();
    ASSERT_TRUE(still);
    for (std::atomic<uint64_t>& each : turns) each = 0;
  }
  end = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(StopWorld, OnesInTheKernelStopTooAndTheirCallsGoOn) {
  if (!stops) return;
  std::lock_guard lock(one_observer());
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::atomic<int> started{0};
  ssize_t got = -1;
  std::thread reader([&] {
    char byte;
    started = static_cast<int>(::gettid());
    got = ::read(ends[0], &byte, 1);
  });
  while (started == 0) std::this_thread::yield();
  for (int round = 0; round < 10; ++round) {
    StoppedWorld world;
    ASSERT_TRUE(stop(world));
    auto threads = world.threads();
    bool found = std::any_of(threads.begin(), threads.end(), [&](const StoppedThread& thread) {
      return thread.tid == started && thread.state == StoppedThread::stopped;
    });
    world.resume();
    EXPECT_TRUE(found);
  }
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  reader.join();
  EXPECT_EQ(got, 1);
  ::close(ends[0]);
  ::close(ends[1]);
}

// Threads that come and go meanwhile.
TEST(StopWorld, NewThreadsStopToo) {
  if (!stops) return;
  std::lock_guard lock(one_observer());
  std::atomic<bool> end{false};
  std::atomic<uint64_t> turns{0};
  std::vector<std::thread> makers;
  for (int i = 0; i < 2; ++i)
    makers.emplace_back([&] {
      while (!end) {
        std::thread([&] { turns.fetch_add(1); }).join();
      }
    });
  for (int round = 0; round < 10; ++round) {
    StoppedWorld world;
    ASSERT_TRUE(stop(world));
    uint64_t before = turns;
    for (int pause = 0; pause < 100; ++pause) ::sched_yield();
    bool still = turns == before;
    world.resume();
    EXPECT_TRUE(still);
  }
  end = true;
  for (std::thread& maker : makers) maker.join();
}

TEST(StopWorld, WithOneThatBlocksTheSignalNobodyIsStopped) {
  if (!stops) return;
  std::lock_guard lock(one_observer());
  std::atomic<int> deaf_tid{0};
  std::atomic<bool> end{false};
  std::thread deaf([&] {
    sigset_t urgent;
    ::sigemptyset(&urgent);
    ::sigaddset(&urgent, SIGURG);
    ::pthread_sigmask(SIG_BLOCK, &urgent, nullptr);
    deaf_tid = static_cast<int>(::gettid());
    while (!end) std::this_thread::yield();
  });
  while (deaf_tid == 0) std::this_thread::yield();
  StoppedWorld world;
  EXPECT_FALSE(world.stop());
  EXPECT_STREQ(world.failure(), "a thread blocks SIGURG");
  EXPECT_EQ(world.refused(), deaf_tid);
  end = true;
  deaf.join();
  EXPECT_TRUE(stop(world));
}

TEST(StopWorld, RegistersAreOfTheMomentItStopped) {
  if (!stops) return;
  std::lock_guard lock(one_observer());
  std::atomic<bool> end{false};
  std::atomic<uintptr_t> place{0};
  std::thread spinner([&] {
    int local = 0;
    place = reinterpret_cast<uintptr_t>(&local);
    while (!end) {
    }
  });
  while (place == 0) std::this_thread::yield();
  StoppedWorld world;
  ASSERT_TRUE(stop(world));
  bool near = false;
  for (const StoppedThread& thread : world.threads()) {
    if (thread.state != StoppedThread::stopped) continue;
    uintptr_t sp = registers_of(*thread.context).sp;
    near = near || (sp < place + 65536 && place < sp + 65536);
  }
  world.resume();
  EXPECT_TRUE(near);
  end = true;
  spinner.join();
}

}  // namespace
}  // namespace sluice::runtime
