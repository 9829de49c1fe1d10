// SPDX-License-Identifier: Apache-2.0

// The end of a Runtime, for goroutines that are still there: those that compute on, abandoned or
// not yet, and those that wait for something that comes later.

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/poll.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/timer.h"

namespace sluice::runtime {
namespace {

// What a goroutine that outlives its Runtime and the test's thread tell each other. Static: the
// goroutine may come back when the test is over.
struct Survivor {
  std::atomic<int> thread{0};
  std::atomic<bool> runtime_ended{false};
  std::atomic<bool> acting{false};
  std::atomic<bool> acted{false};

  void reset() {
    thread = 0;
    runtime_ended = acting = acted = false;
  }
};
Survivor survivor;

template <class Condition>
void wait_until(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

void announce_thread() {
  if (survivor.thread == 0) survivor.thread = static_cast<int>(::syscall(SYS_gettid));
}

// Whether the kernel has that thread asleep.
bool is_asleep(int thread) {
  std::string path = "/proc/self/task/" + std::to_string(thread) + "/stat";
  FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return false;
  char state = 0;
  int found = std::fscanf(file, "%*d (%*[^)]) %c", &state);
  std::fclose(file);
  return found == 1 && state == 'S';
}

// Runs `act` on a goroutine once ~Runtime is waiting for its thread, within the grace.
template <class Act>
void act_while_the_runtime_ends(Act act) {
  survivor.reset();
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([act] {
    go([act] {
      survivor.acting = true;
      act([] { return sched.stopping.load(); });
      survivor.acted = true;
    });
    while (!survivor.acting) yield();
  });
}

// Runs `act` on a goroutine that its Runtime abandons while it asks whether it is time.
template <class Act>
void act_after_the_runtime_ended(Act act) {
  survivor.reset();
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([act] {
      go([act] {
        act([] {
          announce_thread();
          return survivor.runtime_ended.load();
        });
        survivor.acted = true;
      });
      while (survivor.thread == 0) yield();
    });
  }
  survivor.runtime_ended = true;
}

TEST(RuntimeEnd, AGoroutineThatComputedIntoItMaySleep) {
  act_while_the_runtime_ends([](auto its_time) {
    while (!its_time()) {
    }
    sleep_for(std::chrono::milliseconds(1));
  });
  EXPECT_FALSE(survivor.acted) << "nothing runs after the end";
}

TEST(RuntimeEnd, AGoroutineWithoutAProcessorMayCallGo) {
  act_while_the_runtime_ends([](auto its_time) {
    blocking([&] {
      while (!its_time()) {
      }
      go([] { ADD_FAILURE() << "a goroutine was started by a Runtime at its end"; });
    });
  });
  EXPECT_FALSE(survivor.acted) << "nothing runs after the end";
}

TEST(RuntimeEnd, AnAbandonedGoroutineThatSleepsNeverReturns) {
  act_after_the_runtime_ended([](auto its_time) {
    while (!its_time()) {
    }
    survivor.acting = true;
    sleep_for(std::chrono::milliseconds(1));
  });
  wait_until([] { return survivor.acting && is_asleep(survivor.thread); });
  EXPECT_FALSE(survivor.acted);
}

TEST(RuntimeEnd, AnAbandonedGoroutineThatCallsGoNeverReturns) {
  act_after_the_runtime_ended([](auto its_time) {
    blocking([&] {
      while (!its_time()) {
      }
      survivor.acting = true;
      go([] {});
      survivor.acted = true;
    });
  });
  wait_until([] { return survivor.acting && is_asleep(survivor.thread); });
  EXPECT_FALSE(survivor.acted);
}

TEST(RuntimeEnd, AnAbandonedGoroutineMayStopItsTimer) {
  static std::atomic<bool> stopped;
  stopped = false;
  act_after_the_runtime_ended([](auto its_time) {
    Timer timer;
    timer.start(now() + std::chrono::hours(1), [](void*, uint64_t) {}, nullptr, 0);
    while (!its_time()) {
    }
    stopped = timer.stop();
    survivor.acting = true;
  });
  wait_until([] { return survivor.acting.load(); });
  EXPECT_TRUE(stopped) << "it was armed";
}

// A goroutine of a Runtime that has ended, parked. `ran` says whether it ran again.
struct Parked {
  std::atomic<G*> g{nullptr};
  std::atomic<bool> ran{false};

  void wait_on_its_goroutine() {
    g = current();
    park(WaitReason::none);
    ran = true;
  }
  bool waits() const { return g != nullptr && g.load()->state.load() == GState::waiting; }
};

TEST(RuntimeEnd, AnEventForItsGoroutineDoesNotRunItInTheNextOne) {
  static PollDesc stale;  // its waiter never leaves it
  static Parked parked;
  int stale_pipe[2];
  int fresh_pipe[2];
  ASSERT_EQ(::pipe2(stale_pipe, O_NONBLOCK), 0);
  ASSERT_EQ(::pipe2(fresh_pipe, O_NONBLOCK), 0);
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([&] {
      ASSERT_TRUE(stale.open(stale_pipe[0]).has_value());
      go([] {
        parked.g = current();
        static_cast<void>(stale.wait_read());
        parked.ran = true;
      });
      while (!parked.waits()) yield();
    });
  }
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([&] {
      PollDesc fresh;
      ASSERT_TRUE(fresh.open(fresh_pipe[0]).has_value());
      // Events come in this order, and goroutines run in the order of their events.
      ASSERT_EQ(::write(stale_pipe[1], "x", 1), 1);
      ASSERT_EQ(::write(fresh_pipe[1], "x", 1), 1);
      EXPECT_TRUE(fresh.wait_read().has_value());
      EXPECT_FALSE(parked.ran);
    });
  }
  stale.close();
  for (int fd : {stale_pipe[0], stale_pipe[1], fresh_pipe[0], fresh_pipe[1]}) ::close(fd);
}

TEST(RuntimeEnd, AnAbandonedThreadsReadyDoesNotRunAGoroutineInTheNextOne) {
  static Parked parked;
  act_after_the_runtime_ended([](auto its_time) {
    go([] { parked.wait_on_its_goroutine(); });
    while (!parked.waits()) yield();
    blocking([&] {
      while (!its_time()) {
      }
      ready(parked.g);
      survivor.acting = true;
    });
  });
  wait_until([] { return survivor.acting.load(); });
  Runtime runtime{{.max_procs = 1}};
  // The queue of those without a processor is served in order.
  runtime.block_on([] { EXPECT_FALSE(parked.ran); });
}

TEST(RuntimeEnd, AReadyFromTheNextOneDoesNotRunItsGoroutine) {
  static Parked parked;
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([] {
      go([] { parked.wait_on_its_goroutine(); });
      while (!parked.waits()) yield();
    });
  }
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    ready(parked.g);
    for (int i = 0; i < 10; ++i) yield();
    EXPECT_FALSE(parked.ran);
  });
}

// A fork's child that has a Runtime as well must not take the breaks that are meant for its
// parent's poller. The first Runtime mostly leaves one behind: nobody polls when it has ended.
TEST(RuntimeEndDeathTest, IsNotMissedByAPollerThatSharedItsDescriptorsWithAForksChild) {
  if (sanitizer::thread) GTEST_SKIP() << "no threads after a fork beside threads that end";
  for (int round = 0; round < 5; ++round) {
    {
      Runtime runtime{{.max_procs = 1}};
    }
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Runtime runtime{{.max_procs = 1}};
      runtime.block_on([] {
        sleep_for(std::chrono::milliseconds(1));  // tidy: sleeps: until its poller has polled
        ::_exit(0);
      });
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    Runtime runtime{{.max_procs = 1}};
    wait_until([] {
      const M* poller = sched.poller.load();
      return poller != nullptr && is_asleep(poller->tid);
    });
  }
}

}  // namespace
}  // namespace sluice::runtime
