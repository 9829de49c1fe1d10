// SPDX-License-Identifier: Apache-2.0

// The example of docs/simulation_lock_free.md.

#include <atomic>
#include <optional>

#include <gtest/gtest.h>

#include "sluice/simulation/gtest_simulation.h"
#include "sluice/sync/wait_group.h"

namespace sluice {
namespace {

// A value that one goroutine leaves for another.
class Mailbox {
 public:
  void put(int value) {
    value_.store(value, std::memory_order_relaxed);
    full_.store(true, std::memory_order_release);  // one line up, this is a bug
  }
  std::optional<int> take() {
    if (!full_.exchange(false, std::memory_order_acquire)) return std::nullopt;
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<int> value_{0};
  std::atomic<bool> full_{false};
};

TEST(Mailbox, GivesWhatWasPut) {
  testing::explore({.departures = 2}, [] {
    Mailbox box;
    sync::WaitGroup group;
    group.go([&] { box.put(7); });
    if (std::optional<int> value = box.take()) {
      EXPECT_EQ(*value, 7);
    }
    group.wait();
  });
}

}  // namespace
}  // namespace sluice
