// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/spin_lock.h"

#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::runtime {
namespace {

TEST(SpinLock, TryLockFailsWhileItIsHeld) {
  SpinLock lock;
  EXPECT_FALSE(lock.is_locked());
  ASSERT_TRUE(lock.try_lock());
  EXPECT_TRUE(lock.is_locked());
  EXPECT_FALSE(lock.try_lock());
  lock.unlock();
  EXPECT_TRUE(lock.try_lock());
  lock.unlock();
}

// More threads than processors, so that some wait for a holder that the kernel has descheduled.
TEST(SpinLock, ExcludesAndOrdersThreads) {
  constexpr int threads = 8;
  constexpr int rounds = 20'000;
  SpinLock lock;
  int counter = 0;  // guarded by lock, and deliberately no atomic
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
          std::lock_guard guard(lock);
          ++counter;
        }
      });
    }
  }
  EXPECT_EQ(counter, threads * rounds);
}

}  // namespace
}  // namespace sluice::runtime
