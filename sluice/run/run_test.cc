// SPDX-License-Identifier: Apache-2.0

#include "sluice/run/run.h"

#include <signal.h>

#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

TEST(Run, ReturnsZeroForSuccess) {
  EXPECT_EQ(run([](Context) -> Result<void> { return {}; }), 0);
  EXPECT_EQ(run([](Context) {}), 0);
  EXPECT_EQ(run([] {}), 0);
}

TEST(Run, ReturnsTheStatus) {
  EXPECT_EQ(run([](Context) { return 7; }), 7);
  EXPECT_EQ(run([]() -> Result<int> { return 8; }), 8);
}

TEST(Run, PrintsTheErrorAndReturnsOne) {
  testing::internal::CaptureStderr();
  int status = run([](Context) -> Result<void> {
    return wrap(Error(Code::not_found, "no such file"), "read config");
  });
  EXPECT_EQ(status, 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "error: read config: no such file\n");
}

TEST(Run, TakesRuntimeOptions) {
  int procs = 0;
  run(RuntimeOptions{.max_procs = 3}, [&] { procs = Runtime::max_procs(); });
  EXPECT_EQ(procs, 3);
}

TEST(Run, RunsOnAGoroutine) {
  run([] { EXPECT_NE(goroutine_id(), 0u); });
}

TEST(Run, ContextLivesUntilASignal) {
  run([](Context context) {
    EXPECT_FALSE(context.err());
    EXPECT_FALSE(context.deadline());
  });
}

// raise(), not kill(): under ThreadSanitizer a signal that the kernel gives to a thread in a futex
// waits there until that thread wakes.
class RunSignal : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Signals, RunSignal, testing::Values(SIGINT, SIGTERM));

TEST_P(RunSignal, EndsTheContextWithACauseThatNamesIt) {
  int status = run([](Context context) {
    ::raise(GetParam());
    context.done().receive();
    EXPECT_TRUE(is(*context.err(), context_canceled));
    EXPECT_EQ(context.cause()->message(),
              GetParam() == SIGINT ? "received SIGINT" : "received SIGTERM");
    EXPECT_EQ(as<SignalCause>(*context.cause())->number, GetParam());
    return 3;
  });
  EXPECT_EQ(status, 3);
}

TEST_P(RunSignal, SecondOneEndsTheProcessAtOnce) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(run([](Context context) {
                ::raise(GetParam());
                context.done().receive();
                ::raise(GetParam());
                Channel<Unit>::nil().receive();
              }),
              testing::ExitedWithCode(128 + GetParam()), "");
}

// The reader's thread is no goroutine: it gets through when no processor is free.
TEST_P(RunSignal, SecondOneEndsAProcessThatIsStuck) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(run(RuntimeOptions{.max_procs = 1},
                  [](Context context) {
                    ::raise(GetParam());
                    while (!context.cancelled()) {
                    }
                    ::raise(GetParam());
                    for (;;) asm volatile("");
                  }),
              testing::ExitedWithCode(128 + GetParam()), "");
}

TEST_P(RunSignal, DispositionIsRestored) {
  struct sigaction ignore = {}, before, after;
  ignore.sa_handler = SIG_IGN;
  ::sigaction(GetParam(), &ignore, &before);
  run([] {});
  ::sigaction(GetParam(), &before, &after);
  EXPECT_EQ(after.sa_handler, SIG_IGN);
}

TEST(Run, MayBeCalledAgain) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run([&] { return i; }), i);
}

TEST(Run, ExceptionOfMainLeavesIt) {
  EXPECT_THROW(run([] { throw std::runtime_error("boom"); }), std::runtime_error);
}

}  // namespace
}  // namespace sluice
