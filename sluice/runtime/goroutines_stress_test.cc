// SPDX-License-Identifier: Apache-2.0

// Goroutines that park, resume, end and are reused while others look at them: whatever was captured
// must be of one moment.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/runtime.h"

#define IN_LEFT [[gnu::noinline, gnu::section("left")]]
#define IN_RIGHT [[gnu::noinline, gnu::section("right")]]
extern "C" const char __start_left[], __stop_left[], __start_right[], __stop_right[];

namespace sluice::runtime {
namespace {

std::atomic<bool> stop;
std::atomic<int> alive;

// What a goroutine waits with: either parks for its neighbour, or yields.
struct Turn {
  std::atomic<G*>* mine = nullptr;  // null: yields
};

[[gnu::noinline]] void wait_here(const Turn& turn) {
  if (turn.mine == nullptr) return yield();
  turn.mine->store(current(), std::memory_order_release);
  park(WaitReason::chan_receive);
}

// The same shape twice: three levels deep, with frames of equal size, so that the waits of both
// sides leave their records at the same addresses. A stack read half before and half after a wait
// has frames of both.
IN_LEFT void left(const Turn& turn, int depth) {
  volatile int frame[4] = {depth};
  if (depth == 0)
    wait_here(turn);
  else
    left(turn, frame[0] - 1);
  asm volatile("");
}
IN_RIGHT void right(const Turn& turn, int depth) {
  volatile int frame[4] = {depth};
  if (depth == 0)
    wait_here(turn);
  else
    right(turn, frame[0] - 1);
  asm volatile("");
}
constexpr int depth = 2;

size_t count_between(std::span<const uintptr_t> frames, const char* begin, const char* end) {
  return static_cast<size_t>(std::count_if(frames.begin(), frames.end(), [=](uintptr_t address) {
    const char* at = reinterpret_cast<const char*>(address);
    return at > begin && at <= end;
  }));
}

struct Seen {
  size_t stacks = 0;   // looked at and found consistent
  size_t missing = 0;  // did not hold still
  size_t on_thread = 0;
  size_t not_begun = 0;
};

void check(const GoroutineDump& dump, Seen* seen) {
  uint64_t last = 0;
  for (const Goroutine& goroutine : dump.goroutines) {
    ASSERT_GT(goroutine.id, last) << "a goroutine twice";
    last = goroutine.id;
    bool still =
        goroutine.state == GoroutineState::waiting || goroutine.state == GoroutineState::runnable;
    if (goroutine.trace == StackTrace::not_begun) {
      ASSERT_EQ(goroutine.state, GoroutineState::runnable);
      ASSERT_EQ(goroutine.frames_count, 0u);
      ++seen->not_begun;
    }
    if (!still) ++seen->on_thread;
    if (goroutine.trace == StackTrace::missing) ++seen->missing;
    if (!still || goroutine.trace == StackTrace::not_begun) continue;
    std::span<const uintptr_t> frames = dump.frames(goroutine);
    size_t lefts = count_between(frames, __start_left, __stop_left);
    size_t rights = count_between(frames, __start_right, __stop_right);
    ASSERT_EQ(goroutine.trace, StackTrace::complete) << goroutine.label;
    std::string_view label = goroutine.label;
    if (label == "swinger") {
      ASSERT_TRUE((lefts == depth + 1 && rights == 0) || (lefts == 0 && rights == depth + 1))
          << "of two moments: " << lefts << " left, " << rights << " right";
      ++seen->stacks;
    } else if (label == "lefty") {
      ASSERT_EQ(lefts, depth + 1u);
      ASSERT_EQ(rights, 0u);
      ++seen->stacks;
    } else {
      ASSERT_EQ(lefts + rights, 0u) << label;
    }
  }
}

// Waits on both sides in turn, for ever.
void swing(const Turn& turn) {
  set_goroutine_name("swinger");
  // Its first frame of either kind is a wait: it is never seen with a name and without one.
  while (!stop) {
    left(turn, depth);
    right(turn, depth);
  }
  --alive;
}

// Wakes whoever has parked in one of the places, as long as anybody lives.
void wake_all(std::vector<std::atomic<G*>>& places) {
  while (!stop || alive > 0) {
    for (std::atomic<G*>& place : places)
      if (G* g = place.exchange(nullptr, std::memory_order_acquire); g != nullptr) ready(g);
    yield();
  }
}

// Generations of goroutines that wait on the left a few times and end.
void breed() {
  while (!stop) {
    for (int i = 0; i < 16; ++i) {
      ++alive;
      go([] {
        for (int turn = 0; turn < 3; ++turn) {
          set_goroutine_name("lefty");
          left(Turn{}, depth);
          set_goroutine_name("between");
        }
        --alive;
      });
    }
    for (int i = 0; i < 8; ++i) yield();
  }
  --alive;
}

void stress(int procs, int dumps, bool from_goroutine) {
  constexpr int swingers = 24;
  stop = false;
  alive = 0;
  std::vector<std::atomic<G*>> places(swingers);
  Seen seen;
  Runtime runtime{{.max_procs = procs}};
  auto observe = [&] {
    for (int i = 0; i < dumps && !testing::Test::HasFatalFailure(); ++i) {
      check(capture_goroutines(), &seen);
      if (from_goroutine) yield();
    }
    stop = true;
  };
  std::thread observer;
  runtime.block_on([&] {
    for (int i = 0; i < swingers; ++i) {
      ++alive;
      // Every third one yields, the others park.
      Turn turn{i % 3 == 0 ? nullptr : &places[static_cast<size_t>(i)]};
      go([turn] { swing(turn); });
    }
    ++alive;
    go(breed);
    if (from_goroutine)
      go(observe);
    else
      observer = std::thread(observe);
    wake_all(places);
  });
  if (observer.joinable()) observer.join();
  EXPECT_GT(seen.stacks, 0u);
  std::printf("%zu stacks of one moment, %zu on a thread, %zu not begun, %zu missing\n",
              seen.stacks, seen.on_thread, seen.not_begun, seen.missing);
}

constexpr int dumps = sanitizer::address || sanitizer::thread ? 300 : 3000;
// Where threads wait for a CPU, a dump waits for their answers.
constexpr int dumps_of_many = dumps / 10;

TEST(GoroutinesStress, EveryStackIsOfOneMomentSeenFromAThread) { stress(1, dumps, false); }

TEST(GoroutinesStress, EveryStackIsOfOneMomentOnSeveralProcessors) {
  stress(3, dumps_of_many, false);
}

TEST(GoroutinesStress, EveryStackIsOfOneMomentSeenFromAGoroutine) { stress(2, dumps, true); }

TEST(GoroutinesStress, SeveralObserversDoNotMeet) {
  stop = false;
  alive = 0;
  Runtime runtime{{.max_procs = 2}};
  std::vector<std::thread> observers;
  std::atomic<int> observing = 3;
  runtime.block_on([&] {
    for (int i = 0; i < 8; ++i) {
      ++alive;
      go([] { swing(Turn{}); });
    }
    for (int i = 0; i < 3; ++i)
      observers.emplace_back([&] {
        Seen seen;
        for (int n = 0; n < dumps_of_many / 4; ++n) check(capture_goroutines(), &seen);
        if (--observing == 0) stop = true;
      });
    while (alive > 0) yield();
  });
  for (std::thread& observer : observers) observer.join();
}

}  // namespace
}  // namespace sluice::runtime
