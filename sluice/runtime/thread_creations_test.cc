// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/thread_creations.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

#define CREATES [[gnu::noinline, gnu::section("creates")]]
extern "C" const char __start_creates[], __stop_creates[];

namespace sluice::runtime {
namespace {

size_t created_by_test() {
  size_t count = 0;
  for (const std::vector<uintptr_t>& stack : thread_creations())
    for (uintptr_t address : stack) {
      const char* at = reinterpret_cast<const char*>(address);
      count += at > __start_creates && at <= __stop_creates;
    }
  return count;
}

// While it blocks, somebody else must have the processor: with all threads in use, a new one.
CREATES void block_until(const std::atomic<bool>& released) {
  blocking([&] {
    while (!released) std::this_thread::yield();
  });
  asm volatile("");
}

TEST(ThreadCreations, ShowWhatNeededAThread) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    std::atomic<bool> released = false;
    constexpr int blocked = 5;
    std::atomic<int> ended = 0;
    for (int i = 0; i < blocked; ++i)
      go([&] {
        block_until(released);
        ++ended;
      });
    while (created_by_test() == 0) yield();
    EXPECT_GE(thread_creations().size(), 2u);
    released = true;
    while (ended != blocked) yield();
  });
}

TEST(ThreadCreations, OfNoRuntimeAreNone) {
  {
    Runtime runtime{{.max_procs = 1}};
  }
  EXPECT_TRUE(thread_creations().empty());
}

}  // namespace
}  // namespace sluice::runtime
