// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/epoch.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/proc_local.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

std::atomic<int> freed;

// Enough of them that those retired earlier are freed, whatever the batch.
void retire_many(int count) {
  for (int i = 0; i < count; ++i) retire(nullptr, [](void*) { ++freed; });
}

TEST(Epoch, FreesWhenNobodyIsPinned) {
  Runtime runtime{{.max_procs = 2}};
  freed = 0;
  retire_many(10'000);
  EXPECT_GT(freed, 9'000);
  EXPECT_LE(freed, 10'000 + 1'000) << "an object was freed twice";
}

struct Pinned {
  std::atomic<bool> pinned{false};
  std::atomic<bool> retiring{false};
  std::atomic<bool> end{false};
  std::atomic<int> freed{0};
  std::atomic<bool> unpinned{false};
  std::atomic<bool> freed_too_early{false};
};

void hold_a_pin(Pinned& state) {
  pin();
  state.pinned = true;
  // Bounded: how long the pin lasts matters for what a broken retire() would be caught at only.
  while (!state.retiring) {
  }
  for (int i = 0; i < 20'000; ++i)
    if (state.freed != 0) state.freed_too_early = true;
  state.unpinned = true;
  unpin();
}

void retire_against(Pinned& state) {
  while (!state.pinned) std::this_thread::yield();
  state.retiring = true;
  for (int i = 0; i < 2'000; ++i)
    retire(&state, [](void* object) {
      Pinned& state = *static_cast<Pinned*>(object);
      if (!state.unpinned) state.freed_too_early = true;
      ++state.freed;
    });
}

// Leaves nothing of `state` behind in the runtime's bin.
void flush(Pinned& state) {
  while (state.freed != 2'000) retire_many(1);
}

TEST(Epoch, WaitsForAGoroutinesPin) {
  Runtime runtime{{.max_procs = 2}};
  for (int round = 0; round < 20; ++round) {
    Pinned state;
    go([&] { hold_a_pin(state); });
    retire_against(state);
    flush(state);
    EXPECT_FALSE(state.freed_too_early);
  }
}

TEST(Epoch, WaitsForAForeignThreadsPin) {
  Runtime runtime{{.max_procs = 2}};
  for (int round = 0; round < 20; ++round) {
    Pinned state;
    std::thread thread([&] { hold_a_pin(state); });
    retire_against(state);
    flush(state);
    thread.join();
    EXPECT_FALSE(state.freed_too_early);
  }
}

TEST(Epoch, PinnedReadersNeverSeeAFreedObject) {
  Runtime runtime{{.max_procs = 4}};
  struct Value {
    std::atomic<int> magic{42};
  };
  static std::atomic<Value*> shared;
  shared = new Value;
  std::atomic<bool> stop = false;
  std::atomic<int> reading = 0;
  std::atomic<int> ended = 0;
  std::atomic<int> wrong = 0;
  auto read = [&] {
    ++reading;
    while (!stop) {
      for (int i = 0; i < 100; ++i) {
        pin();
        if (shared.load(std::memory_order_acquire)->magic != 42) ++wrong;
        unpin();
      }
      yield();
    }
    ++ended;
  };
  for (int i = 0; i < 4; ++i) go(read);
  std::thread foreign(read);
  while (reading != 5) std::this_thread::yield();
  for (int i = 0; i < 20'000; ++i)
    retire(shared.exchange(new Value), [](void* object) {
      static_cast<Value*>(object)->magic = 0;
      delete static_cast<Value*>(object);
    });
  stop = true;
  foreign.join();
  while (ended != 5) std::this_thread::yield();
  EXPECT_EQ(wrong, 0);
  delete shared.exchange(nullptr);
  retire_many(1'000);
}

// Holds a pin together with another caller and retires many meanwhile.
void retire_while_pinned(std::atomic<int>& pinned, std::atomic<int>& freed_here) {
  pin();
  ++pinned;
  while (pinned != 2) {
  }
  for (int i = 0; i < 2'000; ++i)
    retire(&freed_here, [](void* count) { ++*static_cast<std::atomic<int>*>(count); });
  EXPECT_EQ(freed_here, 0) << "an object that was retired under a pin waits for its end";
  unpin();
}

TEST(Epoch, TwoGoroutinesMayRetireWhilePinned) {
  Runtime runtime{{.max_procs = 2}};
  std::atomic<int> running = 0;
  std::atomic<int> pinned = 0;
  std::atomic<int> freed_here[2] = {};
  std::atomic<int> ended = 0;
  for (std::atomic<int>& mine : freed_here)
    go([&] {
      ++running;
      while (running != 2) {  // on two processors, which pins do not leave
      }
      retire_while_pinned(pinned, mine);
      ++ended;
    });
  while (ended != 2) std::this_thread::yield();
  while (freed_here[0] + freed_here[1] != 4'000) retire_many(1);
}

TEST(Epoch, AForeignThreadMayRetireWhilePinned) {
  Runtime runtime{{.max_procs = 2}};
  std::atomic<int> pinned = 0;
  std::atomic<int> freed_here[2] = {};
  std::atomic<bool> ended = false;
  go([&] {
    retire_while_pinned(pinned, freed_here[0]);
    ended = true;
  });
  retire_while_pinned(pinned, freed_here[1]);
  while (!ended) std::this_thread::yield();
  while (freed_here[0] + freed_here[1] != 4'000) retire_many(1);
}

TEST(Epoch, APinsSlotIsInRangeAndItsUsersOwn) {
  Runtime runtime{{.max_procs = 3}};
  ASSERT_EQ(pin_slots(), 4);
  std::vector<int> counts(static_cast<size_t>(pin_slots()), 0);  // each guarded by its slot's pin
  std::atomic<int> ended = 0;
  auto count = [&] {
    for (int i = 0; i < 20'000; ++i) {
      int slot = pin();
      ++counts[static_cast<size_t>(slot)];
      unpin();
      if (i % 64 == 0) yield();
    }
    ++ended;
  };
  std::thread first(count);
  std::thread second(count);
  for (int i = 0; i < 6; ++i) go(count);
  first.join();
  second.join();
  while (ended != 8) std::this_thread::yield();
  int sum = 0;
  for (int value : counts) sum += value;
  EXPECT_EQ(sum, 8 * 20'000);
}

// A thread may be pinned while a Runtime starts or ends.
TEST(Epoch, AThreadsSlotIsNoProcessorsWhoeverStartsARuntime) {
  std::atomic<int> slot = -1;
  std::atomic<bool> leave = false;
  std::thread thread([&] {
    slot = pin();
    while (!leave) std::this_thread::yield();
    unpin();
  });
  while (slot == -1) std::this_thread::yield();
  std::atomic<int> processors = -1;
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([&] {
      processors = pin();
      unpin();
    });
  }
  EXPECT_NE(slot, processors);
  leave = true;
  thread.join();
}

}  // namespace
}  // namespace sluice::runtime
