// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/intercept.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/simulation/gtest_simulation.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/wait_group.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLUICE_NOT_INTERCEPTED 1
#endif
#endif

#ifndef SLUICE_NOT_INTERCEPTED

using namespace std::chrono_literals;

namespace sluice::simulation {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Report of_one(const std::function<void()>& body) {
  SimulateOptions options;
  options.seeds = 1;
  return simulate(options, body);
}

TEST(Failures, ThreadsAndSocketsOfTheSystemAreNamed) {
  struct Refused {
    const char* says;
    std::function<void()> body;
  };
  for (const Refused& each : {
           Refused{"a thread is started", [] { std::thread([] {}).join(); }},
           Refused{"condition variable",
                   [] {
                     std::mutex mutex;
                     std::unique_lock lock(mutex);
                     std::condition_variable().wait(lock);
                   }},
           Refused{"condition variable",
                   [] {
                     std::mutex mutex;
                     std::unique_lock lock(mutex);
                     std::condition_variable().wait_for(lock, 1s);
                   }},
           Refused{"a socket of the system", [] { ::socket(AF_INET, SOCK_STREAM, 0); }},
           Refused{"a process is started", [] { static_cast<void>(::system("true")); }},
           Refused{"forks", [] { static_cast<void>(::fork()); }},
       }) {
    Report report = of_one(each.body);
    ASSERT_TRUE(report.failure) << each.says;
    EXPECT_TRUE(contains(report.failure->what, "not simulated: ")) << report.failure->what;
    EXPECT_TRUE(contains(report.failure->what, each.says)) << report.failure->what;
  }
}

TEST(Intercepted, StandardClocksAndSleepsAreSimulated) {
  auto real = std::chrono::steady_clock::now();
  SimulateOptions options;
  options.seeds = 1;
  Report report = testing::simulate(options, [] {
    auto steady = std::chrono::steady_clock::now();
    auto system = std::chrono::system_clock::now();
    time_t seconds = ::time(nullptr);
    EXPECT_EQ(steady.time_since_epoch() / 1s, now().time_since_epoch() / 1s);
    std::this_thread::sleep_for(1h);  // tidy: sleeps: it is the subject
    // tidy: sleeps: it is the subject
    ::usleep(1000);
    // tidy: sleeps: it is the subject
    ::sleep(60);
    timespec until;
    ::clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 60;
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    EXPECT_GE(std::chrono::steady_clock::now() - steady, 1h + 2min);
    EXPECT_GE(std::chrono::system_clock::now() - system, 1h + 2min);
    EXPECT_GE(::time(nullptr) - seconds, 3720);
    EXPECT_LT(::time(nullptr) - seconds, 3730);
  });
  EXPECT_GE(report.simulated, 1h);
  EXPECT_GT(std::chrono::steady_clock::now(), real);
}

// Whoever waits for one gives its processor away, and the clock goes on.
TEST(Intercepted, WaitersForStandardMutexesLetTheHolderSleep) {
  SimulateOptions options;
  options.seeds = 50;
  testing::simulate(options, [] {
    std::mutex mutex;
    sync::WaitGroup group;
    for (int i = 0; i < 20; ++i)
      group.go([&] {
        std::lock_guard lock(mutex);
        sleep_for(2s);
      });
    group.wait();
  });
}

TEST(Intercepted, RecursiveAndSharedMutexesExclude) {
  testing::explore({}, [] {
    std::recursive_mutex recursive;
    std::shared_mutex shared;
    int inside = 0, readers = 0;
    sync::WaitGroup group;
    for (int i = 0; i < 2; ++i)
      group.go([&] {
        std::lock_guard lock(recursive);
        std::lock_guard again(recursive);
        EXPECT_EQ(++inside, 1);
        yield();
        --inside;
      });
    group.go([&] {
      std::shared_lock lock(shared);
      ++readers;
      yield();
      --readers;
    });
    group.go([&] {
      std::unique_lock lock(shared);
      EXPECT_EQ(readers, 0);
      yield();
      EXPECT_EQ(readers, 0);
    });
    group.wait();
  });
}

TEST(Intercepted, ADeadlockOfStandardMutexesIsFound) {
  Report report = explore({}, [] {
    std::mutex a, b;
    sync::WaitGroup group;
    group.go([&] {
      std::lock_guard one(a);
      std::lock_guard two(b);
    });
    group.go([&] {
      std::lock_guard one(b);
      std::lock_guard two(a);
    });
    group.wait();
  });
  ASSERT_TRUE(report.failure);
  EXPECT_TRUE(contains(report.failure->what, "deadlock")) << report.failure->what;
}

TEST(Intercepted, ATimedLockTakesSimulatedTime) {
  SimulateOptions options;
  options.seeds = 20;
  testing::simulate(options, [] {
    std::timed_mutex mutex;
    mutex.lock();
    go([&] {
      sleep_for(1s);
      mutex.unlock();
    });
    EXPECT_FALSE(mutex.try_lock_for(100ms));
    EXPECT_TRUE(mutex.try_lock_for(1h));
    mutex.unlock();
  });
}

TEST(Intercepted, InitializersMayWait) {
  testing::explore({}, [] {
    std::once_flag flag;
    int made = 0;
    struct Slow {
      Slow() { sleep_for(1ms); }
    };
    sync::WaitGroup group;
    for (int i = 0; i < 3; ++i)
      group.go([&] {
        static Slow once_in_the_process;
        std::call_once(flag, [&] {
          sleep_for(1ms);
          ++made;
        });
        EXPECT_EQ(made, 1);
      });
    group.wait();
  });
}

TEST(Intercepted, RandomBytesAreTheSeeds) {
  auto body = [] {
    char bytes[20];
    if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) fail("getrandom");
    note(std::to_string(std::hash<std::string_view>{}({bytes, sizeof bytes})));
  };
  EXPECT_EQ(trace(1, {}, body), trace(1, {}, body));
  EXPECT_NE(trace(1, {}, body), trace(2, {}, body));
}

TEST(Intercepted, AStandardMutexThatAnInterruptedGoroutineHoldsIsWaitedFor) {
  ExploreOptions options;
  testing::explore(options, [] {
    std::mutex mutex;
    sync::WaitGroup group;
    int inside = 0;
    for (int i = 0; i < 3; ++i)
      group.go([&] {
        std::lock_guard lock(mutex);
        EXPECT_EQ(++inside, 1);
        yield();
        --inside;
      });
    group.wait();
  });
}

}  // namespace
}  // namespace sluice::simulation

#endif
