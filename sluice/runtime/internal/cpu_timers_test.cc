// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/cpu_timers.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <future>
#include <thread>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

// So long that no signal ever comes: of CPU time.
constexpr uint64_t for_ever = uint64_t{1} << 60;

int this_thread() { return static_cast<int>(::syscall(SYS_gettid)); }

// A thread that waits until it is told to end.
struct Waiter {
  std::promise<int> tid;
  std::promise<void> end;
  std::thread thread{[this] {
    tid.set_value(this_thread());
    end.get_future().wait();
  }};
};

TEST(CpuTimers, AThreadHasOne) {
  CpuTimers timers(for_ever);
  timers.arm(this_thread());
  timers.arm(this_thread());
  EXPECT_EQ(timers.armed(), 1u);
  EXPECT_EQ(timers.refused(), 0u);
}

TEST(CpuTimers, AnyThreadIsFoundAndForgottenWithItsEnd) {
  CpuTimers timers(for_ever);
  timers.scan();
  size_t before = timers.armed();
  EXPECT_GE(before, 1u);
  Waiter waiter;
  int tid = waiter.tid.get_future().get();
  timers.scan();
  EXPECT_EQ(timers.armed(), before + 1);
  waiter.end.set_value();
  waiter.thread.join();
  while (::syscall(SYS_tgkill, ::getpid(), tid, 0) == 0) std::this_thread::yield();
  timers.scan();
  EXPECT_EQ(timers.armed(), before);
}

TEST(CpuTimers, NoneIsArmedAfterTheEnd) {
  CpuTimers timers(for_ever);
  timers.scan();
  timers.stop();
  timers.arm(this_thread());
  EXPECT_EQ(timers.armed(), 0u);
}

TEST(CpuTimers, ThreadsThatTheSystemRefusesAreCountedAndTriedAgain) {
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_SIGPENDING, &before), 0);
  rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_SIGPENDING, &none), 0);
  CpuTimers timers(for_ever);
  timers.scan();
  EXPECT_EQ(timers.armed(), 0u);
  EXPECT_GE(timers.refused(), 1u);
  ASSERT_EQ(::setrlimit(RLIMIT_SIGPENDING, &before), 0);
  timers.scan();
  EXPECT_GE(timers.armed(), 1u);
  EXPECT_EQ(timers.refused(), 0u);
}

}  // namespace
}  // namespace sluice::runtime
