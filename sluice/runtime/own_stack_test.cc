// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/own_stack.h"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {

// Functions with code of their own, so that their addresses tell them apart.
struct Taken {
  uintptr_t addresses[64];
  size_t count = 0;

  // Whether some frame is within `function`, which is less than 512 bytes long.
  bool has(const void* function) const {
    uintptr_t begin = reinterpret_cast<uintptr_t>(function);
    return std::any_of(addresses, addresses + count,
                       [&](uintptr_t each) { return each > begin && each - begin < 512; });
  }
};

[[gnu::noinline]] void take_stack(Taken* taken) {
  taken->count = capture_own_stack(taken->addresses);
  asm volatile("");
}
[[gnu::noinline]] void call_deeper(Taken* taken, int depth) {
  depth == 0 ? take_stack(taken) : call_deeper(taken, depth - 1);
  asm volatile("");
}

namespace {

const void* const take_stack_code = reinterpret_cast<const void*>(&take_stack);
const void* const call_deeper_code = reinterpret_cast<const void*>(&call_deeper);

TEST(OwnStack, OfAGoroutineIsInnermostFirstAndEndsAtItsRoot) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    Taken shallow, deep;
    call_deeper(&shallow, 0);
    call_deeper(&deep, 5);
    uintptr_t first = shallow.addresses[0];
    EXPECT_LT(first - reinterpret_cast<uintptr_t>(take_stack_code), 512u);
    EXPECT_TRUE(shallow.has(call_deeper_code));
    ASSERT_LT(deep.count, std::size(deep.addresses));
    EXPECT_EQ(deep.count, shallow.count + 5);
  });
}

TEST(OwnStack, OfAThreadIsSeenToo) {
  Taken here, there;
  call_deeper(&here, 3);
  std::thread([&] { call_deeper(&there, 3); }).join();
  for (const Taken* taken : {&here, &there}) {
    EXPECT_TRUE(taken->has(take_stack_code));
    EXPECT_TRUE(taken->has(call_deeper_code));
    EXPECT_LT(taken->count, std::size(taken->addresses));
  }
}

TEST(OwnStack, WritesNoMoreThanThereIsRoomFor) {
  uintptr_t addresses[3] = {1, 2, 77};
  EXPECT_EQ(capture_own_stack({addresses, 2}), 2u);
  EXPECT_EQ(addresses[2], 77u);
  EXPECT_EQ(capture_own_stack({}), 0u);
}

Taken compared;
int compare(const void* a, const void* b) {
  if (compared.count == 0) call_deeper(&compared, 0);
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}
[[gnu::noinline]] void sort_in_libc(int* numbers, size_t count) {
  std::qsort(numbers, count, sizeof *numbers, compare);
  asm volatile("");
}

// libc is built without frame pointers.
TEST(OwnStack, GoesThroughALibraryThatKeepsNoFrameRecords) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    compared.count = 0;
    int numbers[] = {3, 1, 2};
    sort_in_libc(numbers, 3);
    EXPECT_TRUE(compared.has(reinterpret_cast<const void*>(&compare)));
    EXPECT_TRUE(compared.has(reinterpret_cast<const void*>(&sort_in_libc)));
  });
}

Taken in_signal;
TEST(OwnStack, OnAStackOfNobodyIsOneAddress) {
  std::vector<char> memory(256 << 10);
  stack_t alternate = {};
  alternate.ss_sp = memory.data();
  alternate.ss_size = memory.size();
  stack_t before;
  ASSERT_EQ(::sigaltstack(&alternate, &before), 0);
  Taken warm;  // the first call of a thread may allocate, which no handler may
  take_stack(&warm);
  struct sigaction action = {}, old;
  action.sa_handler = [](int) { take_stack(&in_signal); };
  action.sa_flags = SA_ONSTACK;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &old), 0);
  ::raise(SIGUSR1);
  ::sigaction(SIGUSR1, &old, nullptr);
  ::sigaltstack(&before, nullptr);
  if (!sanitizer::address && !sanitizer::thread) {
    EXPECT_EQ(in_signal.count, 1u);
  }
  EXPECT_TRUE(in_signal.has(take_stack_code));
}

TEST(OwnContext, IsTheGoroutinesWhereverItRuns) {
  const void* here = own_context();
  EXPECT_EQ(own_context(), here);
  const void* there = nullptr;
  std::thread([&] { there = own_context(); }).join();
  EXPECT_NE(there, here);
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([&] {
    const void* mine = own_context();
    EXPECT_NE(mine, here);
    for (int i = 0; i < 1000; ++i) {
      yield();
      ASSERT_EQ(own_context(), mine);
    }
  });
}

}  // namespace
}  // namespace sluice::runtime
