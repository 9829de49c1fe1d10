// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/overdue.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

using std::chrono::hours;

// What a thread outside sees between two reports of a goroutine.
template <class Look>
auto seen_by_a_thread(Look look) {
  decltype(look()) seen;
  std::thread([&] { seen = look(); }).join();
  return seen;
}

// Empty if it is on no thread.
Turn turn_of(uint64_t goroutine) {
  std::vector<Turn> turns = current_turns();
  auto at = std::ranges::find(turns, goroutine, &Turn::goroutine);
  return at == turns.end() ? Turn{} : *at;
}

TEST(Turns, NobodysWithoutARuntime) { EXPECT_TRUE(current_turns().empty()); }

TEST(Turns, AreEqualWhileAGoroutineStays) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    std::atomic<uint64_t> looping = 0;
    std::atomic<bool> end = false;
    std::atomic<bool> ended = false;
    go([&] {
      looping = goroutine_id();
      while (!end) {
      }
      ended = true;
    });
    // From when its processor was taken it has none until it ends.
    while (looping == 0) yield();
    Turn before = turn_of(looping);
    EXPECT_EQ(before.goroutine, looping);
    EXPECT_FALSE(before.has_processor);
    yield();
    EXPECT_EQ(turn_of(looping), before);
    end = true;
    while (!ended) yield();
  });
}

TEST(Turns, DifferWhenAGoroutineComesBack) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Turn before = turn_of(goroutine_id());
    EXPECT_EQ(before.goroutine, goroutine_id());
    go([] {});
    yield();
    Turn after = turn_of(goroutine_id());
    EXPECT_EQ(after.goroutine, goroutine_id());
    EXPECT_NE(after, before);
  });
}

// A goroutine that waits for `reason`, from the constructor to the destructor.
class Waiter {
 public:
  explicit Waiter(WaitReason reason) {
    go([this, reason] {
      id_ = goroutine_id();
      g_ = current();
      park(reason);
      ended_ = true;
    });
    while (g_ == nullptr || !is_parked()) yield();
  }
  ~Waiter() {
    ready(g_);
    while (!ended_) yield();
  }

 private:
  bool is_parked() const {
    return std::ranges::any_of(capture_goroutines().goroutines, [this](auto& goroutine) {
      return goroutine.id == id_ && goroutine.state == GoroutineState::waiting;
    });
  }

  std::atomic<uint64_t> id_ = 0;
  std::atomic<G*> g_ = nullptr;
  std::atomic<bool> ended_ = false;
};

bool anyone_waits() {
  return seen_by_a_thread([] { return anyone_waits_for_lock_since(now() + hours(1)); });
}

TEST(LockWaits, AreSeenOfMutexes) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    for (WaitReason reason :
         {WaitReason::mutex, WaitReason::rw_mutex_read, WaitReason::rw_mutex_write}) {
      EXPECT_FALSE(anyone_waits());
      Waiter waiter(reason);
      EXPECT_TRUE(anyone_waits());
    }
    EXPECT_FALSE(anyone_waits());
  });
  EXPECT_FALSE(anyone_waits());
}

TEST(LockWaits, AreNotSeenOfOthers) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Waiter receiver(WaitReason::chan_receive);
    Waiter sleeper(WaitReason::sleep);
    EXPECT_FALSE(anyone_waits());
  });
}

TEST(LockWaits, AreNotSeenBeforeTheyBegan) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Instant before = now() - hours(1);
    Waiter waiter(WaitReason::mutex);
    EXPECT_FALSE(anyone_waits_for_lock_since(before));
    EXPECT_FALSE(anyone_waits_for_lock_since(Instant{-hours(1)}));  // before the clock began
  });
}

}  // namespace
}  // namespace sluice::runtime
