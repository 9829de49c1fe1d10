// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/simulate.h"

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/sync/mutex.h"
#include "sluice/sync/wait_group.h"

using namespace std::chrono_literals;

namespace sluice::simulation {
namespace {

// Two goroutines count without a lock.
void lost_update() {
  sync::WaitGroup group;
  int count = 0;
  for (int i = 0; i < 2; ++i)
    group.go([&] {
      int seen = count;
      yield();
      count = seen + 1;
    });
  group.wait();
  if (count != 2) fail("counted " + std::to_string(count));
}

TEST(Simulate, FindsALostUpdate) {
  Report report = simulate({}, lost_update);
  ASSERT_TRUE(report.failure);
  std::cout << report.to_string();
}

TEST(Explore, FindsALostUpdate) {
  Report report = explore({}, lost_update);
  ASSERT_TRUE(report.failure);
  std::cout << report.to_string();
}

TEST(Simulate, ADeadlockIsTold) {
  Report report = simulate({}, [] {
    sync::Mutex a, b;
    sync::WaitGroup group;
    group.go([&] {
      std::lock_guard one(a);
      std::lock_guard two(b);
    });
    group.go([&] {
      std::lock_guard one(b);
      std::lock_guard two(a);
    });
    group.wait();
  });
  ASSERT_TRUE(report.failure);
  std::cout << report.to_string();
}

}  // namespace
}  // namespace sluice::simulation
