// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/goroutines.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/g.h"
#include "sluice/runtime/proc_local.h"
#include "sluice/runtime/runtime.h"

// Functions in a section of their own: the linker says where it begins and ends, so a test can tell
// whether an address is in them without any symbol table.
#define IN_NEST [[gnu::noinline, gnu::section("nest")]]
extern "C" const char __start_nest[], __stop_nest[];

namespace sluice::runtime {
namespace {

bool in_nest(uintptr_t address) {
  const char* at = reinterpret_cast<const char*>(address);
  return at > __start_nest && at <= __stop_nest;
}

size_t nest_frames(const GoroutineDump& dump, const Goroutine& goroutine) {
  std::span<const uintptr_t> frames = dump.frames(goroutine);
  return static_cast<size_t>(std::count_if(frames.begin(), frames.end(), in_nest));
}

// Depth + 1 frames, then parks.
IN_NEST void nest_and_park(int depth, WaitReason reason) {
  if (depth == 0)
    park(reason);
  else
    nest_and_park(depth - 1, reason);
  asm volatile("");  // no tail calls: each level is a frame
}

const Goroutine* find(const GoroutineDump& dump, std::string_view label) {
  for (const Goroutine& goroutine : dump.goroutines)
    if (goroutine.label == label) return &goroutine;
  return nullptr;
}

// Lets goroutines run until `g` has parked. The dump itself must not: it looks as it finds things.
void wait_until_parked(std::atomic<G*>& g) {
  while (g.load() == nullptr || g.load()->state.load() != GState::waiting ||
         g.load()->on_cpu.load() != 0)
    yield();
}

TEST(Goroutines, WithoutARuntimeThereAreNone) {
  EXPECT_TRUE(capture_goroutines().goroutines.empty());
}

TEST(Goroutines, AParkedOneShowsItsStackReasonAndCreator) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    std::atomic<G*> parked = nullptr;
    uint64_t self = goroutine_id();
    go([&] {
      set_goroutine_name("nester");
      parked = current();
      nest_and_park(7, WaitReason::chan_receive);
    });
    wait_until_parked(parked);
    GoroutineDump dump = capture_goroutines();
    const Goroutine* nester = find(dump, "nester");
    ASSERT_NE(nester, nullptr);
    EXPECT_EQ(nester->id, parked.load()->id);
    EXPECT_EQ(nester->state, GoroutineState::waiting);
    EXPECT_EQ(nester->wait_reason, WaitReason::chan_receive);
    EXPECT_EQ(nester->created_by_id, self);
    EXPECT_NE(nester->created_by, 0u);
    EXPECT_EQ(nester->trace, StackTrace::complete);
    EXPECT_EQ(nest_frames(dump, *nester), 8u);
    EXPECT_EQ(parked.load()->state.load(), GState::waiting);  // the mark is gone
    ready(parked);
  });
}

TEST(Goroutines, TheCallerSeesItself) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    set_goroutine_name("caller");
    GoroutineDump dump = capture_goroutines();
    const Goroutine* self = find(dump, "caller");
    ASSERT_NE(self, nullptr);
    EXPECT_EQ(self->id, goroutine_id());
    EXPECT_EQ(dump.self, goroutine_id());
    EXPECT_EQ(self->state, GoroutineState::running);
    EXPECT_EQ(self->trace, StackTrace::complete);
    EXPECT_GE(self->frames_count, 3u);
  });
}

TEST(Goroutines, OneThatNeverRanHasNoStack) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    std::atomic<int> ran = 0;
    std::array<char, 1000> large{};
    pin();  // the only processor stays here: nobody begins
    go([&] { ++ran; });
    go([&ran, large] { ran += 1 + large[0]; });  // its closure lies on its stack
    GoroutineDump dump = capture_goroutines();
    unpin();
    int not_begun = 0;
    for (const Goroutine& goroutine : dump.goroutines) {
      if (goroutine.state != GoroutineState::runnable) continue;
      ++not_begun;
      EXPECT_EQ(goroutine.trace, StackTrace::not_begun);
      EXPECT_EQ(goroutine.frames_count, 0u);
      EXPECT_EQ(goroutine.created_by_id, goroutine_id());
      EXPECT_NE(goroutine.created_by, 0u);
    }
    EXPECT_EQ(not_begun, 2);
    while (ran != 2) yield();
  });
}

// Its record served another goroutine before, whose name, stack and sp must not show.
TEST(Goroutines, ARecycledRecordShowsNothingOfItsLastOne) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    std::atomic<G*> first = nullptr;
    std::atomic<bool> ended = false;
    go([&] {
      set_goroutine_name("first");
      first = current();
      nest_and_park(3, WaitReason::select);
      ended = true;
    });
    wait_until_parked(first);
    ready(first);
    while (!ended) yield();
    yield();
    std::vector<std::atomic<bool>> ran(256);
    pin();
    for (std::atomic<bool>& each : ran) go([&each] { each = true; });
    GoroutineDump dump = capture_goroutines();
    unpin();
    EXPECT_EQ(find(dump, "first"), nullptr);
    for (const Goroutine& goroutine : dump.goroutines) EXPECT_EQ(nest_frames(dump, goroutine), 0u);
    EXPECT_EQ(dump.goroutines.size(), ran.size() + 1);
    for (std::atomic<bool>& each : ran)
      while (!each) yield();
  });
}

TEST(Goroutines, ADeepStackIsCutAndSaysSo) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    std::atomic<G*> parked = nullptr;
    go([&] {
      set_goroutine_name("deep");
      parked = current();
      nest_and_park(300, WaitReason::sleep);
    });
    wait_until_parked(parked);
    GoroutineDump dump = capture_goroutines();
    const Goroutine* deep = find(dump, "deep");
    ASSERT_NE(deep, nullptr);
    EXPECT_EQ(deep->trace, StackTrace::truncated);
    EXPECT_EQ(deep->frames_count, 100u);
    ready(parked);
  });
}

TEST(Goroutines, AThreadMayAskToo) {
  Runtime runtime{{.max_procs = 2}};
  std::atomic<G*> parked = nullptr;
  runtime.block_on([&] {
    go([&] {
      set_goroutine_name("other");
      parked = current();
      nest_and_park(0, WaitReason::mutex);
    });
    wait_until_parked(parked);
  });
  GoroutineDump dump = capture_goroutines();
  EXPECT_EQ(dump.self, 0u);
  ASSERT_NE(find(dump, "other"), nullptr);
  EXPECT_EQ(nest_frames(dump, *find(dump, "other")), 1u);
  runtime.block_on([&] { ready(parked); });
}

TEST(Goroutines, ThoseOfAnEndedRuntimeAreForgotten) {
  static std::atomic<G*> parked = nullptr;
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([] {
      go([] {
        set_goroutine_name("abandoned");
        parked = current();
        nest_and_park(0, WaitReason::mutex);
      });
      wait_until_parked(parked);
    });
  }
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] { EXPECT_EQ(find(capture_goroutines(), "abandoned"), nullptr); });
}

}  // namespace
}  // namespace sluice::runtime
