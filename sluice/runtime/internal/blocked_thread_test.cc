// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/blocked_thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

int this_tid() { return static_cast<int>(::syscall(SYS_gettid)); }

TEST(BlockedThread, OneThatComputesExecutes) {
  std::atomic<int> tid = 0;
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    tid = this_tid();
    while (!stop) asm volatile("");
  });
  while (tid == 0) std::this_thread::yield();
  EXPECT_EQ(place_of(tid).state, ThreadState::executing);
  stop = true;
  busy.join();
}

TEST(BlockedThread, OneThatReadsAnEmptyPipeStandsWhereItIs) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::atomic<int> tid = 0;
  std::atomic<uintptr_t> frame = 0;
  std::thread reader([&] {
    frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    tid = this_tid();
    char byte;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
  });
  while (tid == 0) std::this_thread::yield();
  ThreadPlace place;
  while (place = place_of(tid), place.state != ThreadState::blocked) std::this_thread::yield();
  EXPECT_LT(place.sp, frame);
  EXPECT_GT(place.sp, frame - 65536);
  EXPECT_NE(place.pc, 0u);
  EXPECT_EQ(place_of(tid), place);
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  reader.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(BlockedThread, OfOneThatIsNotThereNothingIsKnown) {
  EXPECT_EQ(place_of(-1).state, ThreadState::unknown);
  EXPECT_EQ(place_of(0).state, ThreadState::unknown);
}

}  // namespace
}  // namespace sluice::runtime
