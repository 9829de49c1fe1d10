// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/sigquit.h"

#include <signal.h>
#include <unistd.h>

#include <stdexcept>

#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/debug/internal/test_waiters.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::debug {
namespace {

// In a process of its own, without a pause for a core file.
class SigquitDeathTest : public testing::Test {
 protected:
  SigquitDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

void start_waiter(const Channel<int>& word) {
  go([word] {
    set_goroutine_name("waiter");
    word.receive();
  });
  internal::wait_for_waiters(1);
}

void raise_among_waiters(bool keep_the_processor) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    EXPECT_TRUE(dump_on_sigquit());
    EXPECT_TRUE(dump_on_sigquit());
    Channel<int> word;
    start_waiter(word);
    ::raise(SIGQUIT);
    while (keep_the_processor) asm volatile("");
    word.receive();
  });
}

TEST_F(SigquitDeathTest, PrintsEveryGoroutineAndEndsTheProcess) {
  EXPECT_EXIT(raise_among_waiters(false), testing::ExitedWithCode(2),
              "SIGQUIT: quit\n\ngoroutine [0-9]+ .*"
              "goroutine [0-9]+ .chan receive labels:.\"name\": \"waiter\".*"
              "ChannelCore::receive.*created by ");
}

TEST_F(SigquitDeathTest, WorksWhenEveryProcessorIsStuck) {
  EXPECT_EXIT(raise_among_waiters(true), testing::ExitedWithCode(2),
              "goroutine [0-9]+ .chan receive labels:.\"name\": \"waiter\"");
}

TEST_F(SigquitDeathTest, WorksWithoutARuntime) {
  EXPECT_EXIT(
      {
        EXPECT_TRUE(dump_on_sigquit());
        ::raise(SIGQUIT);
        for (;;) ::pause();
      },
      testing::ExitedWithCode(2), "SIGQUIT: quit");
}

void throw_among_waiters() {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    EXPECT_TRUE(dump_on_sigquit());
    Channel<int> word;
    start_waiter(word);
    go([] { throw std::runtime_error("the till is empty"); });
    word.receive();
  });
}

TEST_F(SigquitDeathTest, ACrashPrintsEveryGoroutineToo) {
  EXPECT_EXIT(throw_among_waiters(), testing::KilledBySignal(SIGABRT),
              "panic: the till is empty.*goroutine [0-9]+ .running.:\n.*"
              "goroutine [0-9]+ .chan receive labels:.\"name\": \"waiter\".*"
              "ChannelCore::receive.*created by ");
}

[[gnu::noinline]] void touch_nothing(volatile int* nothing) {
  *nothing = 1;
  asm volatile("");
}

// With what led there, by name, though that is on a signal's stack by then.
TEST_F(SigquitDeathTest, ABadAccessIsShownWithItsCallers) {
  struct sigaction handler;
  ::sigaction(SIGSEGV, nullptr, &handler);
  if (handler.sa_handler != SIG_DFL) return;  // a sanitizer's
  auto crash = [] {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([] {
      EXPECT_TRUE(dump_on_sigquit());
      touch_nothing(nullptr);
    });
  };
  EXPECT_EXIT(crash(), testing::KilledBySignal(SIGSEGV),
              "SIGSEGV at address .*goroutine 1 .running.:\n"
              "sluice::debug::.*touch_nothing\\(...\\)\n");
}

}  // namespace
}  // namespace sluice::debug
