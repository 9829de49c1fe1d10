// SPDX-License-Identifier: Apache-2.0

// What goes on when no further thread can be had. Every test would hang if a processor with work
// stayed idle beside a thread that is free.

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

// Returns when all threads but the caller's, of two, are in epoll, without a processor.
void wait_for_the_poller() {
  blocking([] {
    while (sched.poller.load() == nullptr) std::this_thread::yield();
  });
}

TEST(ThreadsMax, ThePollerTakesTheProcessorOfABlockedGoroutine) {
  Runtime runtime{{.max_procs = 1, .threads_max = 2}};
  runtime.block_on([] {
    wait_for_the_poller();
    std::atomic<bool> done = false;
    go([&] { done = true; });
    blocking([&] {
      while (!done) std::this_thread::yield();
    });
  });
}

TEST(ThreadsMax, ThePollerTakesTheProcessorOfALoop) {
  Runtime runtime{{.max_procs = 1, .threads_max = 2}};
  runtime.block_on([] {
    wait_for_the_poller();
    std::atomic<bool> done = false;
    go([&] { done = true; });
    while (!done) {
    }
  });
}

TEST(ThreadsMax, AProcessorWaitsUntilABlockedThreadReturns) {
  Runtime runtime{{.max_procs = 1, .threads_max = 2}};
  std::atomic<int> ended = 0;
  runtime.block_on([&] {
    std::atomic<int> blocked = 0;
    std::atomic<bool> release = false;
    std::thread releaser([&] {
      while (blocked != 2) std::this_thread::yield();
      release = true;
    });
    for (int i = 0; i < 10; ++i)
      go([&] {
        blocking([&] {
          ++blocked;
          while (!release) std::this_thread::yield();
        });
        ++ended;
      });
    while (ended != 10) yield();
    releaser.join();
  });
  EXPECT_EQ(ended, 10);
}

// While it lives, the process has no address space for the stack of another thread.
class NoRoomForThreads {
 public:
  NoRoomForThreads() {
    ::getrlimit(RLIMIT_AS, &before_);
    FILE* file = std::fopen("/proc/self/statm", "re");
    unsigned long pages = 0;
    if (file == nullptr || std::fscanf(file, "%lu", &pages) != 1) std::abort();
    std::fclose(file);
    rlimit now = before_;
    now.rlim_cur = pages * static_cast<unsigned long>(::getpagesize()) + (64 << 10);
    ::setrlimit(RLIMIT_AS, &now);
  }
  ~NoRoomForThreads() { ::setrlimit(RLIMIT_AS, &before_); }
  NoRoomForThreads(const NoRoomForThreads&) = delete;
  NoRoomForThreads& operator=(const NoRoomForThreads&) = delete;

 private:
  rlimit before_;
};

class ThreadRefusedDeathTest : public testing::Test {
 protected:
  ThreadRefusedDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void SetUp() override {
    if (sanitizer::address || sanitizer::thread)
      GTEST_SKIP() << "a sanitizer cannot do without address space";
  }
};

// Runs `body` on the only thread of a Runtime, with one other goroutine queued, which sets `done`.
// Ends the process with success when that one has run.
template <class F>
[[noreturn]] void run_beside_another(F body) {
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([&] {
      auto no_room = std::make_unique<NoRoomForThreads>();
      std::atomic<bool> done = false;
      go([&] { done = true; });
      body(done, no_room);
      while (!done) yield();
    });
  }
  std::_Exit(0);
}

void check(bool condition) {
  if (!condition) std::_Exit(1);
}

TEST_F(ThreadRefusedDeathTest, TheProcessorWaitsUntilTheBlockedThreadReturns) {
  EXPECT_EXIT(run_beside_another([](std::atomic<bool>& done, auto&) {
                blocking([] {});
                check(!done);  // there is nobody else to run it
              }),
              testing::ExitedWithCode(0), "");
}

TEST_F(ThreadRefusedDeathTest, AThreadIsAskedForAgain) {
  EXPECT_EXIT(run_beside_another([](std::atomic<bool>& done, auto& no_room) {
                blocking([&] {
                  check(!done);
                  no_room.reset();
                  while (!done) std::this_thread::yield();
                });
              }),
              testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::runtime
