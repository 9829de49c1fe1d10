// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/deadlock.h"

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/sigquit.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {

[[gnu::noinline]] void wait_for_the_other(const Channel<int>& word) {
  word.receive();
  asm volatile("");
}

namespace {

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool noticed = false;  // it has a thread of its own, which might wake somebody
#else
constexpr bool noticed = true;
#endif
#else
constexpr bool noticed = true;
#endif

void deadlock() {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    Channel<int> left, right;
    go([left] { wait_for_the_other(left); });
    wait_for_the_other(right);
  });
}

constexpr const char* names =
    "^fatal error: all goroutines are asleep - deadlock!\n\n"
    "goroutine 1 \\[chan receive\\]:\n(.|\n)*"
    "sluice::debug::wait_for_the_other\\(...\\)\n\t.*deadlock_test.cc:[0-9]+ (.|\n)*"
    "created by (.|\n)* in goroutine 1\n";

TEST(PrintStacksOnDeadlock, NamesFunctionsAndLines) {
  if (!noticed) return;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto print = [] {
    print_stacks_on_deadlock();
    deadlock();
  };
  EXPECT_EXIT(print(), testing::KilledBySignal(SIGABRT), names);
}

// Whose thread only watches.
TEST(PrintStacksOnDeadlock, ComesWithDumpOnSigquit) {
  if (!noticed) return;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto print = [] {
    EXPECT_TRUE(dump_on_sigquit());
    deadlock();
  };
  EXPECT_EXIT(print(), testing::KilledBySignal(SIGABRT), names);
}

}  // namespace
}  // namespace sluice::debug
