// SPDX-License-Identifier: Apache-2.0

// What goes on when no further thread can be had. Every test would hang if a processor with work
// stayed idle beside a thread that is free.

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace sluice::runtime
