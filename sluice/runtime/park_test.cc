// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/park.h"

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/g.h"
#include "sluice/runtime/runtime.h"
#include "sluice/runtime/section.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::runtime {
namespace {

bool waits(G* g) { return g->state.load() == GState::waiting; }

// Runs `body` on a goroutine of its own, on so many processors, and waits for its end.
template <class F>
void run_on(int procs, F body) {
  Runtime runtime{{.max_procs = procs}};
  runtime.block_on(body);
}

// Waits until a goroutine has stored itself in `waiter`, which is to be its last deed before it
// parks, and has parked.
G* parked(std::atomic<G*>& waiter) {
  while (waiter == nullptr || !waits(waiter)) yield();
  return waiter;
}

class ParkOn : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Procs, ParkOn, testing::Values(1, 2, 4));

TEST_P(ParkOn, AReadyThatComesFirstIsKept) {
  run_on(GetParam(), [] {
    for (int i = 0; i < 1000; ++i) {
      ready(current());
      park(WaitReason::none);
    }
  });
}

TEST_P(ParkOn, APermitIsUsedOnce) {
  run_on(GetParam(), [] {
    std::atomic<G*> waiter = nullptr;
    std::atomic<bool> woken = false;
    std::atomic<bool> ended = false;
    go([&] {
      ready(current());
      park(WaitReason::none);  // returns at once
      waiter = current();
      park(WaitReason::none);
      EXPECT_TRUE(woken);
      ended = true;
    });
    G* g = parked(waiter);
    woken = true;
    ready(g);
    while (!ended) yield();
  });
}

TEST_P(ParkOn, TwoPermitsAreOne) {
  run_on(GetParam(), [] {
    std::atomic<G*> waiter = nullptr;
    std::atomic<bool> woken = false;
    std::atomic<bool> ended = false;
    go([&] {
      ready(current());
      ready(current());
      park(WaitReason::none);  // returns at once
      waiter = current();
      park(WaitReason::none);
      EXPECT_TRUE(woken);
      ended = true;
    });
    G* g = parked(waiter);
    woken = true;
    ready(g);
    while (!ended) yield();
  });
}

// The wake-up and the park meet at any moment of each other.
TEST_P(ParkOn, NoReadyIsLostToAParkThatBegins) {
  run_on(GetParam(), [] {
    constexpr int rounds = 20'000;
    std::atomic<int> asked = 0;
    std::atomic<int> answered = 0;
    std::atomic<bool> ended = false;
    G* waiter = current();
    go([&] {
      for (int i = 1; i <= rounds; ++i) {
        while (asked != i) yield();
        ready(waiter);
        answered = i;
      }
      ended = true;
    });
    for (int i = 1; i <= rounds; ++i) {
      asked = i;
      park(WaitReason::none);
      while (answered != i) yield();
    }
    while (!ended) yield();
  });
}

TEST_P(ParkOn, WhatWasWrittenBeforeReadyIsSeenAfterPark) {
  run_on(GetParam(), [] {
    constexpr int rounds = 10'000;
    int value = 0;  // not atomic: park and ready order it
    std::atomic<int> turn = 0;
    std::atomic<bool> ended = false;
    G* reader = current();
    go([&] {
      for (int i = 1; i <= rounds; ++i) {
        while (turn != i) yield();
        value = i;
        ready(reader);
      }
      ended = true;
    });
    for (int i = 1; i <= rounds; ++i) {
      turn = i;
      park(WaitReason::none);
      EXPECT_EQ(value, i);
    }
    while (!ended) yield();
  });
}

TEST_P(ParkOn, ForeignThreadsParkAndAreWokenByGoroutines) {
  Runtime runtime{{.max_procs = GetParam()}};
  constexpr int count = 8;
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([] {
      for (int round = 0; round < 500; ++round) {
        bool done = false;
        go([&done, self = current()] {
          done = true;
          ready(self);
        });
        park(WaitReason::none);
        EXPECT_TRUE(done);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ParkOn, ForeignThreadsWakeManyGoroutines) {
  Runtime runtime{{.max_procs = GetParam()}};
  constexpr int threads_count = 4;
  constexpr int each = 200;
  std::atomic<int> woken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < threads_count; ++i)
    threads.emplace_back([&] {
      std::vector<std::atomic<G*>> parked(each);
      for (std::atomic<G*>& slot : parked)
        go([&slot, &woken] {
          slot = current();
          park(WaitReason::none);
          ++woken;
        });
      for (std::atomic<G*>& slot : parked) {
        while (slot == nullptr) std::this_thread::yield();
        ready(slot);
      }
    });
  for (std::thread& thread : threads) thread.join();
  while (woken != threads_count * each) std::this_thread::yield();
}

TEST_P(ParkOn, CurrentStaysTheSameOnWhateverThread) {
  run_on(GetParam(), [] {
    constexpr int count = 16;
    std::atomic<int> ended = 0;
    for (int i = 0; i < count; ++i)
      go([&] {
        G* self = current();
        uint64_t id = goroutine_id();
        for (int j = 0; j < 500; ++j) {
          yield();
          EXPECT_EQ(current(), self);
          EXPECT_EQ(goroutine_id(), id);
        }
        ++ended;
      });
    while (ended != count) yield();
  });
}

// One place where a goroutine or thread waits, as a channel has many.
struct Place {
  SpinLock lock;
  G* waiter = nullptr;
  bool full = false;

  void wait() {
    Section section;
    {
      std::lock_guard guard(lock);
      if (full) {
        full = false;
        return;
      }
      waiter = section.g();
    }
    section.park(WaitReason::none);
  }
  void fill() {
    G* g;
    {
      std::lock_guard guard(lock);
      g = std::exchange(waiter, nullptr);
      full = g == nullptr;
    }
    if (g != nullptr) ready_sectioned(g);
  }
};

TEST_P(ParkOn, ASectionLosesNoWakeUp) {
  run_on(GetParam(), [] {
    constexpr int rounds = 20'000;
    Place there;
    Place back;
    std::atomic<bool> ended = false;
    go([&] {
      for (int i = 0; i < rounds; ++i) {
        there.wait();
        back.fill();
      }
      ended = true;
    });
    for (int i = 0; i < rounds; ++i) {
      there.fill();
      back.wait();
    }
    while (!ended) yield();
  });
}

TEST_P(ParkOn, ASectionOfAForeignThreadLosesNoWakeUp) {
  Runtime runtime{{.max_procs = GetParam()}};
  constexpr int rounds = 2'000;
  Place there;
  Place back;
  std::atomic<bool> ended = false;
  go([&] {
    for (int i = 0; i < rounds; ++i) {
      there.wait();
      back.fill();
    }
    ended = true;
  });
  for (int i = 0; i < rounds; ++i) {
    there.fill();
    back.wait();
  }
  while (!ended) std::this_thread::yield();
}

TEST(Park, ThreadsNeedNoRuntime) {
  std::atomic<G*> waiter = nullptr;
  std::atomic<bool> woken = false;
  std::thread thread([&] {
    waiter = current();
    park(WaitReason::none);
    EXPECT_TRUE(woken);
  });
  G* g = parked(waiter);
  woken = true;
  ready(g);
  thread.join();
}

TEST(Park, AReadyBeforeAThreadsParkIsKept) {
  std::thread thread([] {
    for (int i = 0; i < 1000; ++i) {
      ready(current());
      park(WaitReason::none);
    }
  });
  thread.join();
}

TEST(Park, AThreadInheritsNoPermitFromOneThatEnded) {
  std::thread([] { ready(current()); }).join();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      G* self = current();
      std::atomic<bool> woken = false;
      std::thread waker([&] {
        while (!waits(self)) std::this_thread::yield();
        woken = true;
        ready(self);
      });
      park(WaitReason::none);
      EXPECT_TRUE(woken);
      waker.join();
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(Park, EveryThreadHasItsOwnStandIn) {
  std::mutex mutex;
  std::set<G*> seen;
  std::atomic<int> arrived = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      {
        std::lock_guard lock(mutex);
        seen.insert(current());
      }
      EXPECT_EQ(goroutine_id(), 0u);
      ++arrived;
      while (arrived != 8) std::this_thread::yield();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen.size(), 8u);
}

TEST(Park, AGoroutineCarriesTheFirstBytesOfItsName) {
  run_on(1, [] {
    set_goroutine_name("a name that is longer than twenty-three bytes");
    EXPECT_EQ(std::string(current()->label()), "a name that is longer t");
  });
}

}  // namespace
}  // namespace sluice::runtime
