// SPDX-License-Identifier: Apache-2.0

// How a process ends, or does not, when a goroutine or the machine fails. Each case runs in a
// process of its own.

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/park.h"
#include "sluice/runtime/runtime.h"

namespace sluice {
namespace {

using testing::HasSubstr;

class FaultDeathTest : public testing::Test {
 protected:
  FaultDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Runs `body` on a goroutine of a fresh Runtime and waits for ever.
template <class F>
void die_on_goroutine(F body, RuntimeOptions options = {.max_procs = 1}) {
  Runtime runtime{options};
  runtime.block_on([&] {
    go(body);
    runtime::park(runtime::WaitReason::select_no_cases);
  });
}

[[gnu::noinline]] int recurse(volatile int* depth) {
  volatile char frame[512];
  frame[0] = static_cast<char>(*depth);
  *depth = *depth + 1;
  if (*depth == 1 << 30) return 0;  // far beyond any stack
  return recurse(depth) + frame[0];
}

TEST_F(FaultDeathTest, AStackOverflowNamesTheGoroutineAndTheLimit) {
  EXPECT_DEATH(die_on_goroutine([] {
                 set_goroutine_name("deep");
                 volatile int depth = 0;
                 recurse(&depth);
               }),
               "stack overflow: goroutine [0-9]+ deep exceeds its [0-9]+-byte stack.*"
               "RuntimeOptions::stack_bytes.*goroutine [0-9]+ .running, deep.");
}

TEST_F(FaultDeathTest, AnOverflowIsCaughtWithGuardsByMprotect) {
  EXPECT_DEATH(die_on_goroutine(
                   [] {
                     volatile int depth = 0;
                     recurse(&depth);
                   },
                   {.max_procs = 1, .stack_guard = StackGuard::mprotect}),
               "stack overflow: goroutine [0-9]+ exceeds");
}

TEST_F(FaultDeathTest, AnUncaughtExceptionPrintsItsMessageAndStack) {
  EXPECT_DEATH(die_on_goroutine([] {
                 set_goroutine_name("thrower");
                 throw std::runtime_error("the till is empty");
               }),
               "panic: the till is empty .*runtime_error.*goroutine [0-9]+ .running, thrower."
               ".*0x[0-9a-f]+.*created by goroutine [0-9]+ at 0x");
  EXPECT_DEATH(die_on_goroutine([] { throw 42; }), "panic: an exception that is no std::exception");
}

// A sanitizer's handler has it otherwise.
TEST_F(FaultDeathTest, ABadAccessNamesTheGoroutineAndEndsAsEver) {
  if (runtime::sanitizer::address || runtime::sanitizer::thread) return;
  auto access = [] {
    set_goroutine_name("reader");
    volatile int* nowhere = reinterpret_cast<int*>(16);
    *nowhere = 1;
  };
  EXPECT_EXIT(die_on_goroutine(access), testing::KilledBySignal(SIGSEGV),
              "fatal: SIGSEGV at address 0x10: goroutine [0-9]+ reader\n\n"
              "goroutine [0-9]+ .running, reader.:\n.*0x[0-9a-f]+");
}

TEST_F(FaultDeathTest, TheOthersStacksAreShownByWhoWasAsked) {
  auto fail = [](auto body) {
    runtime::show_stacks_on_crash_with(
        [] { [[maybe_unused]] ssize_t n = ::write(2, "and the others\n", 15); });
    die_on_goroutine(body);
  };
  EXPECT_DEATH(fail([] { throw 42; }), "panic: .*and the others");
  EXPECT_DEATH(fail([] {
                 volatile int depth = 0;
                 recurse(&depth);
               }),
               "stack overflow: .*and the others");
  if (runtime::sanitizer::address || runtime::sanitizer::thread) return;
  EXPECT_DEATH(fail([] { *reinterpret_cast<volatile int*>(16) = 1; }), "SIGSEGV.*and the others");
}

TEST_F(FaultDeathTest, AHandlerReceivesTheExceptionAndTheProcessGoesOn) {
  static runtime::G* waiter;
  static std::string message;
  auto handler = [](std::exception_ptr failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& exception) {
      message = exception.what();
    }
    runtime::ready(waiter);
  };
  Runtime runtime{{.max_procs = 1, .on_panic = handler}};
  runtime.block_on([] {
    for (int i = 0; i < 3; ++i) {
      waiter = runtime::current();
      go([i] { throw std::runtime_error("number " + std::to_string(i)); });
      runtime::park(runtime::WaitReason::group);
      EXPECT_EQ(message, "number " + std::to_string(i));
    }
  });
}

TEST_F(FaultDeathTest, TerminateOnAnotherThreadWorksAsEver) {
  EXPECT_DEATH(
      {
        Runtime runtime{{.max_procs = 1}};
        std::terminate();
      },
      "terminate called without an active exception");
}

// Not the runtime's business: it goes to whoever handled it before, here to the kernel.
TEST_F(FaultDeathTest, AnotherFaultOfAGoroutineIsNoStackOverflow) {
  EXPECT_EXIT(
      die_on_goroutine([] {
        int* volatile nowhere = nullptr;
        *static_cast<int volatile*>(nowhere) = 1;
      }),
      [](int status) { return status != 0; }, testing::Not(HasSubstr("stack overflow")));
}

TEST_F(FaultDeathTest, ASentSignalOfFaultEndsTheProcess) {
  EXPECT_EXIT(
      die_on_goroutine([] { ::raise(SIGSEGV); }), [](int status) { return status != 0; },
      testing::Not(HasSubstr("stack overflow")));
}

// Spawns goroutines that stay until one cannot be had; prints why and exits.
void spawn_until_refused(RuntimeOptions options) {
  Runtime runtime{options};
  runtime.block_on([] {
    for (size_t spawned = 0;; ++spawned) {
      Result<void> result = try_go([] { runtime::park(runtime::WaitReason::select_no_cases); });
      if (spawned % 256 == 0) yield();
      if (result.has_value()) continue;
      std::fprintf(stderr, "%d after %zu: %s\n", static_cast<int>(result.error().code()), spawned,
                   result.error().to_string().c_str());
      std::_Exit(result.error().code() == Code::resource_exhausted ? 3 : 4);
    }
  });
}

TEST_F(FaultDeathTest, TheLimitOfGoroutinesIsANamedError) {
  EXPECT_EXIT(spawn_until_refused({.max_procs = 1, .goroutines_max = 1000}),
              testing::ExitedWithCode(3), "limit of 1000 goroutines.*goroutines_max");
}

void go_for_ever() {
  Runtime runtime{{.max_procs = 1, .goroutines_max = 200}};
  runtime.block_on([] {
    for (;;) go([] { runtime::park(runtime::WaitReason::select_no_cases); });
  });
}

TEST_F(FaultDeathTest, GoEndsTheProcessWithTheNamedError) {
  EXPECT_DEATH(go_for_ever(), "limit of 200 goroutines");
}

// The sanitizers reserve more address space than any limit leaves.
#if !defined(SLUICE_ASAN) && !defined(SLUICE_TSAN)
void spawn_in_three_gibibytes() {
  rlimit limit{size_t{3} << 30, size_t{3} << 30};
  ::setrlimit(RLIMIT_AS, &limit);
  spawn_until_refused({.max_procs = 1});
}

TEST_F(FaultDeathTest, TheEndOfTheAddressSpaceIsANamedError) {
  EXPECT_EXIT(spawn_in_three_gibibytes(), testing::ExitedWithCode(3),
              "goroutine (stacks|records).*address space");
}
#endif

}  // namespace
}  // namespace sluice
