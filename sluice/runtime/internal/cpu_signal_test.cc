// SPDX-License-Identifier: Apache-2.0

// Threads are hit by signals at every instruction that there is, much more
// often than a profile does.

#include "sluice/runtime/internal/cpu_signal.h"

#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/cpu_timers.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/runtime.h"

#define IN_LEFT [[gnu::noinline, gnu::section("left_code")]]
#define IN_RIGHT [[gnu::noinline, gnu::section("right_code")]]
extern "C" const char __start_left_code[], __stop_left_code[];
extern "C" const char __start_right_code[], __stop_right_code[];

namespace sluice::runtime {
namespace {

// As a timer of CpuTimers does.
bool signal_thread(int tid) {
  siginfo_t info = {};
  info.si_signo = SIGPROF;
  info.si_code = SI_TIMER;
  info.si_value.sival_ptr = CpuTimers::mark();
  return ::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), tid, SIGPROF, &info) == 0;
}
bool signal_this_thread() { return signal_thread(static_cast<int>(::syscall(SYS_gettid))); }

size_t frames_between(const Sample& sample, const char* begin, const char* end) {
  return static_cast<size_t>(
      std::count_if(sample.frames, sample.frames + sample.count, [&](uintptr_t address) {
        const char* at = reinterpret_cast<const char*>(address);
        return at > begin && at <= end;
      }));
}

struct Tally {
  uint64_t shots = 0;
  uint64_t of_goroutines = 0;
  uint64_t complete = 0;  // of those, down to the root
  uint64_t left = 0;      // in code of that kind
  uint64_t right = 0;
  uint64_t mistaken = 0;  // with the other kind's name
};

void count_shot(const CpuShot& shot, void* argument) {
  Tally* tally = static_cast<Tally*>(argument);
  static Sample unwound;
  shot.raw.unwind(&unwound);
  ++tally->shots;
  bool left = frames_between(unwound, __start_left_code, __stop_left_code) != 0;
  bool right = frames_between(unwound, __start_right_code, __stop_right_code) != 0;
  tally->left += left;
  tally->right += right;
  if (shot.sample.id == 0) return;
  ++tally->of_goroutines;
  tally->complete += unwound.complete;
  std::string_view label = shot.sample.label;
  tally->mistaken += (left && label == "right") || (right && label == "left");
}

// Hits every thread that is in a goroutine, until enough shots were taken, some in code of each
// kind: on a busy machine a goroutine can wait for its first turn while all of them hit others.
Tally bombard(uint64_t shots) {
  Tally tally;
  auto of_both = [&] {
    // There signals come late, when the thread is on no known stack.
    return sanitizer::thread || (tally.left != 0 && tally.right != 0);
  };
  while (tally.shots < shots || !of_both()) {
    for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next)
      if (m->in_goroutine.load() && !m->abandoned.load()) signal_thread(m->tid.load());
    std::this_thread::yield();  // they need a CPU to be hit
    visit_shots(count_shot, &tally);
  }
  return tally;
}

std::atomic<bool> stop;

// Switches, library code without frame pointers, memory.
IN_LEFT void turn_left() {
  set_goroutine_name("left");
  while (!stop.load(std::memory_order_relaxed)) {
    yield();
    std::free(std::malloc(40));
  }
  asm volatile("");
}
IN_RIGHT void turn_right() {
  set_goroutine_name("right");
  char text[300];
  while (!stop.load(std::memory_order_relaxed)) {
    std::fill(std::begin(text), std::end(text), 'x');
    asm volatile("" : : "r"(text) : "memory");
    yield();
  }
  asm volatile("");
}

TEST(CpuSignal, AtAnyInstructionOfASwitchItKnowsWhoseStackItIs) {
  stop = false;
  Runtime runtime{{.max_procs = 2}};
  ASSERT_TRUE(begin_shots());
  std::atomic<int> ended = 0;
  for (int i = 0; i < 4; ++i)
    go([i, &ended] {
      i % 2 == 0 ? turn_left() : turn_right();
      ++ended;
    });
  Tally tally = bombard(300);
  end_shots();
  stop = true;
  while (ended != 4) std::this_thread::yield();
  visit_shots(count_shot, &tally);
  if (sanitizer::thread) return;
  EXPECT_EQ(tally.mistaken, 0u);
  EXPECT_GT(tally.of_goroutines, 0u);
  // The way is lost at single instructions only: entries of the PLT.
  EXPECT_GT(tally.complete * 10, tally.of_goroutines * 9);
}

#if defined(__x86_64__)

constexpr int trap_flag = 0x100;
std::atomic<bool> stepping;
Tally stepped;  // the stepping thread's

// After each instruction of a thread whose trap flag is set, on whatever stack
// that is. SIGPROF is blocked meanwhile, so that it comes when this returns: at
// the next instruction.
void on_step(int, siginfo_t*, void* context) {
  if (!stepping) {
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~trap_flag;
    return;
  }
  visit_shots(count_shot, &stepped);
  signal_this_thread();
}

IN_LEFT void step_through_yields() {
  stepping = true;
  asm volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" : : "i"(trap_flag) : "cc", "memory");
  for (int i = 0; i < 10; ++i) yield();
  stepping = false;
  asm volatile("");
}

// Both goroutines are stepped through, and what is between them: the flag goes
// with the thread.
TEST(CpuSignal, EachInstructionOfASwitchIsOfOneGoroutine) {
  if (sanitizer::thread) GTEST_SKIP() << "signals come late";
  struct sigaction action = {}, before;
  action.sa_sigaction = on_step;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaddset(&action.sa_mask, SIGPROF);
  ::sigaction(SIGTRAP, &action, &before);
  stepped = {};
  stop = false;
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([] {
      std::atomic<bool> ended = false;
      go([&ended] {
        turn_right();
        ended = true;
      });
      set_goroutine_name("left");
      yield();
      ASSERT_TRUE(begin_shots());
      step_through_yields();
      end_shots();
      stop = true;
      while (!ended) yield();
    });
  }
  ::sigaction(SIGTRAP, &before, nullptr);
  visit_shots(count_shot, &stepped);
  EXPECT_EQ(stepped.mistaken, 0u);
  EXPECT_GT(stepped.left, 0u);
  EXPECT_GT(stepped.right, 0u);
  // As above: a yield that is drawn for the latency histogram asks for the time, through the PLT.
  EXPECT_GT(stepped.complete * 100, stepped.of_goroutines * 99);
}

#endif

TEST(CpuSignal, GoroutinesAndThreadsMayBeginAndEndUnderIt) {
  ASSERT_TRUE(begin_shots());
  std::atomic<bool> done = false;
  std::thread runtimes([&] {
    for (int i = 0; i < 20; ++i) {
      Runtime runtime{{.max_procs = 2}};
      runtime.block_on([] {
        std::atomic<int> ended = 0;
        for (int j = 0; j < 50; ++j)
          go([&ended, j] {
            if (j % 10 == 0) blocking([] {});
            ++ended;
          });
        while (ended != 50) yield();
      });
    }
    done = true;
  });
  Tally tally;
  while (!done) {
    for (M* m = sched.all_ms.load(std::memory_order_acquire); m != nullptr; m = m->all_next)
      if (int tid = m->tid.load(); tid != 0) signal_thread(tid);
    visit_shots(count_shot, &tally);
  }
  runtimes.join();
  end_shots();
  visit_shots(count_shot, &tally);
  EXPECT_GT(tally.shots, 0u);
}

TEST(CpuSignal, OnceEndedASignalIsNothing) {
  ASSERT_TRUE(begin_shots());
  end_shots();
  Tally tally;
  visit_shots(count_shot, &tally);
  tally = {};
  ASSERT_TRUE(signal_this_thread());
  visit_shots(count_shot, &tally);
  EXPECT_EQ(tally.shots, 0u);
  EXPECT_EQ(lost_shots(), 0u);
}

// Sends until there is no room. 0: what was shot and what was lost is what was sent.
int fill_up() {
  if (!begin_shots()) return 2;
  uint64_t sent = 0;
  for (; lost_shots() == 0; ++sent)
    if (!signal_this_thread()) return 3;
  end_shots();
  Tally tally;
  visit_shots(count_shot, &tally);
  if (lost_shots() != 1) return 4;
  if (sanitizer::thread) return 0;  // several signals become one
  return tally.shots + 1 == sent ? 0 : 5;
}

// In a process of its own: threads that have left their Runtime may still have a signal to come.
TEST(CpuSignalDeathTest, WhatFindsNoRoomIsCounted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::_Exit(fill_up()), testing::ExitedWithCode(0), "");
}

std::atomic<int> others;

// In a process of its own, where nobody has asked for shots yet.
TEST(CpuSignalDeathTest, SignalsOfOthersGoToTheirHandler) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ::signal(SIGPROF, [](int) { ++others; });
        if (!begin_shots()) std::_Exit(2);
        ::raise(SIGPROF);
        signal_this_thread();
        end_shots();
        std::_Exit(others == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sluice::runtime
