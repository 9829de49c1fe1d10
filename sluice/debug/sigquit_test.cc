// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/sigquit.h"

#include <signal.h>
#include <unistd.h>

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

void raise_among_waiters(bool keep_the_processor) {
  Runtime runtime{{.max_procs = 1}};
  runtime.block_on([&] {
    EXPECT_TRUE(dump_on_sigquit());
    EXPECT_TRUE(dump_on_sigquit());
    Channel<int> word;
    go([word] {
      set_goroutine_name("waiter");
      word.receive();
    });
    internal::wait_for_waiters(1);
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

}  // namespace
}  // namespace sluice::debug
