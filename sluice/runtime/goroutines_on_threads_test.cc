// SPDX-License-Identifier: Apache-2.0

// Stacks of goroutines that are on a thread: executing, or blocked in the kernel.

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/runtime.h"

#define IN_BUSY [[gnu::noinline, gnu::section("busy")]]
extern "C" const char __start_busy[], __stop_busy[];

namespace sluice::runtime {
namespace {

size_t busy_frames(const GoroutineDump& dump, const Goroutine& goroutine) {
  std::span<const uintptr_t> frames = dump.frames(goroutine);
  return static_cast<size_t>(std::count_if(frames.begin(), frames.end(), [](uintptr_t address) {
    const char* at = reinterpret_cast<const char*>(address);
    return at > __start_busy && at <= __stop_busy;
  }));
}

const Goroutine* find(const GoroutineDump& dump, std::string_view label) {
  for (const Goroutine& goroutine : dump.goroutines)
    if (goroutine.label == label) return &goroutine;
  return nullptr;
}

std::atomic<bool> stop;
std::atomic<int> running;

IN_BUSY void spin(int depth) {
  if (depth > 0) {
    spin(depth - 1);
  } else {
    ++running;
    while (!stop.load(std::memory_order_relaxed)) asm volatile("");
    --running;
  }
  asm volatile("");
}

// The dump that shows `label` in that state; looks again until it does.
GoroutineDump until(std::string_view label, GoroutineState state) {
  for (;; std::this_thread::yield()) {
    GoroutineDump dump = capture_goroutines();
    const Goroutine* goroutine = find(dump, label);
    if (goroutine != nullptr && goroutine->state == state) return dump;
  }
}

struct OnThreads : testing::Test {
  OnThreads() {
    stop = false;
    running = 0;
  }
};

TEST_F(OnThreads, AnExecutingGoroutineIsInterruptedAndGoesOn) {
  if (sanitizer::thread) GTEST_SKIP() << "signals come late";
  Runtime runtime{{.max_procs = 1}};
  go([] {
    set_goroutine_name("spinner");
    spin(4);
  });
  while (running == 0) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) {
    GoroutineDump dump = capture_goroutines();
    const Goroutine* spinner = find(dump, "spinner");
    ASSERT_NE(spinner, nullptr);
    EXPECT_EQ(spinner->state, GoroutineState::running);
    ASSERT_EQ(spinner->trace, StackTrace::complete);
    ASSERT_EQ(busy_frames(dump, *spinner), 5u);
  }
  stop = true;
  runtime.block_on([] {
    while (running != 0) yield();
  });
}

// nanosleep is not resumed by SA_RESTART: had it been interrupted, it would say so.
IN_BUSY void nap(std::atomic<int>* result, std::atomic<int>* tid) {
  *tid = ::gettid();
  timespec whole{0, 300'000'000};
  timespec left;
  *result = ::nanosleep(&whole, &left) == 0 ? 0 : errno;  // tidy: sleeps: it is the subject
}

TEST_F(OnThreads, ASleepInTheKernelIsSeenAndNotInterrupted) {
  Runtime runtime{{.max_procs = 2}};
  std::atomic<int> result = -1, tid = 0;
  go([&] {
    set_goroutine_name("napper");
    nap(&result, &tid);
  });
  while (tid == 0) std::this_thread::yield();
  int seen = 0;
  while (result == -1) {
    GoroutineDump dump = capture_goroutines();
    const Goroutine* napper = find(dump, "napper");
    if (napper == nullptr || napper->state != GoroutineState::syscall) continue;
    ++seen;
    EXPECT_EQ(napper->trace, StackTrace::complete);
    EXPECT_EQ(busy_frames(dump, *napper), 1u);
  }
  EXPECT_GT(seen, 0);
  EXPECT_EQ(result, 0);
}

IN_BUSY void read_byte(int fd, std::atomic<ssize_t>* result) {
  char byte;
  ssize_t got = ::read(fd, &byte, 1);
  *result = got;
}

TEST_F(OnThreads, AReadThatBlocksIsASyscall) {
  Runtime runtime{{.max_procs = 1}};
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::atomic<ssize_t> result = -2;
  go([&] {
    set_goroutine_name("reader");
    read_byte(ends[0], &result);
  });
  GoroutineDump dump = until("reader", GoroutineState::syscall);
  const Goroutine* reader = find(dump, "reader");
  EXPECT_EQ(reader->trace, StackTrace::complete);
  // AddressSanitizer's read() needs a frame pointer to be unwound, which the kernel does not tell;
  // the search for it may come upon an older record.
  if (!sanitizer::address) {
    EXPECT_EQ(busy_frames(dump, *reader), 1u);
  }
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  while (result == -2) std::this_thread::yield();
  EXPECT_EQ(result, 1);
  ::close(ends[0]);
  ::close(ends[1]);
}

// Goroutines that switch all the time: the signal comes at any instruction of the switch, of a
// spawn and of an end. Whatever it finds is that goroutine's own.
TEST_F(OnThreads, ASignalAtAnyInstructionOfTheSwitchIsSafe) {
  if (sanitizer::thread) GTEST_SKIP() << "signals come late";
  Runtime runtime{{.max_procs = 2}};
  std::atomic<int> left = 0;
  auto work = [&left] {
    set_goroutine_name("worker");
    while (!stop) {
      for (int i = 0; i < 20; ++i) yield();
      left.fetch_add(1);
      go([&left] { left.fetch_sub(1); });
    }
    left.fetch_sub(1);
  };
  left = 3;
  for (int i = 0; i < 3; ++i) go([&work] { work(); });
  size_t interrupted = 0, complete = 0;
  while (interrupted < (sanitizer::address ? 50 : 200)) {
    GoroutineDump dump = capture_goroutines();
    for (const Goroutine& goroutine : dump.goroutines) {
      ASSERT_EQ(busy_frames(dump, goroutine), 0u);
      if (goroutine.state != GoroutineState::running || goroutine.frames_count == 0) continue;
      ++interrupted;
      complete += goroutine.trace == StackTrace::complete;
    }
  }
  stop = true;
  runtime.block_on([&] {
    while (left != 0) yield();
  });
  EXPECT_GE(complete, interrupted * 9 / 10);
}

std::atomic<int> urgent;
void on_urgent(int) { ++urgent; }

// In a process of its own: the handler is installed once.
TEST_F(OnThreads, AHandlerOfSigurgThatWasThereIsCalledForOthers) {
  if (sanitizer::thread) GTEST_SKIP() << "signals come late";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ::signal(SIGURG, on_urgent);
        Runtime runtime{{.max_procs = 1}};
        go([] { spin(0); });
        while (running == 0) std::this_thread::yield();
        capture_goroutines();
        int by_dump = urgent;
        ::raise(SIGURG);
        std::_Exit(by_dump == 0 && urgent == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::runtime
