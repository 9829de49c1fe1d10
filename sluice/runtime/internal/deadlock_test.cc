// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/deadlock.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/poll.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

// ThreadSanitizer has a thread of its own, which nobody knows.
constexpr bool noticed = !sanitizer::thread;

void wait_for_ever() { park(WaitReason::chan_receive); }

class DeadlockDeathTest : public testing::Test {
 protected:
  DeadlockDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(DeadlockDeathTest, EndsTheProcessWithEveryStack) {
  if (!noticed) return;
  auto deadlock = [] {
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on([] {
      go([] { park(WaitReason::mutex); });
      wait_for_ever();
    });
  };
  EXPECT_EXIT(deadlock(), testing::KilledBySignal(SIGABRT),
              "^fatal error: all goroutines are asleep - deadlock!\n\n"
              "goroutine 1 \\[chan receive\\]:\n(.|\n)*"
              "goroutine [0-9]+ \\[sync.Mutex.Lock\\]:\n\t0x[0-9a-f]+\n(.|\n)*"
              "created by 0x[0-9a-f]+ in goroutine 1\n");
}

TEST_F(DeadlockDeathTest, StacksArePrintedByWhoWasAsked) {
  if (!noticed) return;
  auto deadlock = [] {
    print_stacks_with([] { [[maybe_unused]] ssize_t n = ::write(2, "my stacks\n", 10); });
    Runtime runtime;
    runtime.block_on(wait_for_ever);
  };
  EXPECT_EXIT(deadlock(), testing::KilledBySignal(SIGABRT), "deadlock!\n\nmy stacks\n$");
}

TEST_F(DeadlockDeathTest, IsAlsoNoticedWhenItComesLate) {
  if (!noticed) return;
  auto deadlock = [] {
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on([] {
      for (int i = 0; i < 1000; ++i) yield();
      sleep_for(std::chrono::milliseconds(700));  // tidy: sleeps: the process must have been idle
    });
    runtime.block_on(wait_for_ever);
  };
  EXPECT_EXIT(deadlock(), testing::KilledBySignal(SIGABRT), "all goroutines are asleep");
}

TEST_F(DeadlockDeathTest, AnObserversThreadIsNoHope) {
  if (!noticed) return;
  auto deadlock = [] {
    std::thread([] {
      wakes_nobody();
      ::pause();
    }).detach();
    Runtime runtime;
    runtime.block_on(wait_for_ever);
  };
  EXPECT_EXIT(deadlock(), testing::KilledBySignal(SIGABRT), "all goroutines are asleep");
}

// Whether the process is still there when it has been idle for longer than sysmon takes to look:
// then `hope` ends it with status 0.
template <class Hope>
void expect_hope(Hope hope) {
  auto wait = [&hope] {
    Runtime runtime{{.max_procs = 2}};
    runtime.block_on([&hope] { hope(); });
    std::_Exit(0);
  };
  EXPECT_EXIT(wait(), testing::ExitedWithCode(0), "");
}
constexpr Duration longer_than_sysmon_takes = std::chrono::milliseconds(900);

TEST_F(DeadlockDeathTest, ATimerIsHope) {
  expect_hope([] { sleep_for(longer_than_sysmon_takes); });  // tidy: sleeps: what is tested
}

TEST_F(DeadlockDeathTest, AThreadThatNobodyKnowsIsHope) {
  expect_hope([] {
    G* waiter = current();
    std::thread([waiter] {
      // tidy: sleeps: the runtime must have had the time to look
      std::this_thread::sleep_for(longer_than_sysmon_takes);
      ready(waiter);
    }).detach();
    wait_for_ever();
  });
}

TEST_F(DeadlockDeathTest, ADescriptorIsHope) {
  expect_hope([] {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    // Another process: no thread of this one writes.
    if (::fork() == 0) {
      // tidy: sleeps: the runtime must have had the time to look
      std::this_thread::sleep_for(longer_than_sysmon_takes);
      ssize_t n = ::write(ends[1], "x", 1);
      std::_Exit(n == 1 ? 0 : 1);
    }
    PollDesc poll;
    ASSERT_TRUE(poll.open(ends[0]));
    char byte;
    while (::read(ends[0], &byte, 1) != 1) ASSERT_TRUE(poll.wait_read());
  });
}

TEST_F(DeadlockDeathTest, AThreadThatWaitsForADescriptorIsHope) {
  auto wait = [] {
    Runtime runtime{{.max_procs = 2}};
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) std::_Exit(2);
    runtime.block_on([] { go(wait_for_ever); });
    if (::fork() == 0) {
      // tidy: sleeps: the runtime must have had the time to look
      std::this_thread::sleep_for(longer_than_sysmon_takes);
      ssize_t n = ::write(ends[1], "x", 1);
      std::_Exit(n == 1 ? 0 : 1);
    }
    PollDesc poll;
    if (!poll.open(ends[0])) std::_Exit(3);
    char byte;
    while (::read(ends[0], &byte, 1) != 1)
      if (!poll.wait_read()) std::_Exit(4);
    std::_Exit(0);
  };
  EXPECT_EXIT(wait(), testing::ExitedWithCode(0), "");
}

TEST_F(DeadlockDeathTest, AGoroutineThatBlocksInTheKernelIsHope) {
  expect_hope([] {
    G* waiter = current();
    go([waiter] {
      blocking([] {
        // tidy: sleeps: the runtime must have had the time to look
        std::this_thread::sleep_for(longer_than_sysmon_takes);
      });
      ready(waiter);
    });
    wait_for_ever();
  });
}

TEST_F(DeadlockDeathTest, CanBeLeftToWait) {
  auto wait = [] {
    Runtime runtime{{.fatal_deadlock = false}};
    // A deadlock, but for the alarm that ends the process.
    ::signal(SIGALRM, [](int) { ::_exit(0); });
    ::alarm(2);
    runtime.block_on(wait_for_ever);
  };
  EXPECT_EXIT(wait(), testing::ExitedWithCode(0), "");
}

TEST_F(DeadlockDeathTest, ThereIsNoneWhileTheLookerRunsItself) {
  EXPECT_EQ(all_asleep_for_ever(), Asleep::no);
}

}  // namespace
}  // namespace sluice::runtime
