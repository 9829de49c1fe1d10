// SPDX-License-Identifier: Apache-2.0

#include "sluice/testing/gtest_leaks.h"

#include <string_view>

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::testing {
namespace {

LeakOptions at_once() { return LeakOptions().grace(Duration::zero()); }

template <class F>
void run(F fn) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on(fn);
}

TEST(LeakCheck, PassesWhenItsScopeLeavesNothing) {
  run([] {
    Channel<int> before;
    go([before] { before.receive(); });
    {
      LeakCheck leaks;
      go([] { yield(); });
    }
    before.close();
  });
}

TEST(LeakCheck, FailsWhenItsScopeLeavesAGoroutine) {
  run([] {
    Channel<int> jobs;
    EXPECT_NONFATAL_FAILURE(
        {
          LeakCheck leaks(at_once());
          go([jobs] { jobs.receive(); });
        },
        "1 goroutine has not ended:");
    jobs.close();
    verify_no_leaks();
  });
}

TEST(LeakCheck, FailsInItsOwnLine) {
  run([] {
    Channel<int> jobs;
    ::testing::TestPartResultArray failures;
    int line = 0;
    {
      ::testing::ScopedFakeTestPartResultReporter reporter(
          ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &failures);
      LeakCheck leaks(at_once());
      line = __LINE__ - 1;
      go([jobs] { jobs.receive(); });
    }
    jobs.close();
    ASSERT_EQ(failures.size(), 1);
    EXPECT_EQ(failures.GetTestPartResult(0).line_number(), line);
    EXPECT_TRUE(std::string_view(failures.GetTestPartResult(0).file_name()).ends_with("_test.cc"));
  });
}

TEST(VerifyNoLeaks, FailsWhenAnybodyElseIsLeft) {
  run([] {
    Channel<int> jobs;
    go([jobs] { jobs.receive(); });
    EXPECT_NONFATAL_FAILURE(verify_no_leaks(at_once()), "1 goroutine has not ended:");
    jobs.close();
    verify_no_leaks();
  });
}

TEST(LeakListener, ChecksWhatATestLeaves) {
  const ::testing::TestInfo& test = *::testing::UnitTest::GetInstance()->current_test_info();
  LeakListener listener(at_once());
  listener.OnTestStart(test);
  run([] { yield(); });
  listener.OnTestEnd(test);
  listener.OnTestStart(test);
  run([] {
    go([] { Channel<int>::nil().receive(); });
    for (int i = 0; i < 100; ++i) yield();
  });
  EXPECT_NONFATAL_FAILURE(listener.OnTestEnd(test), "its Runtime has ended:");
}

TEST(LeakEnvironment, ChecksAllTestsTogether) {
  LeakEnvironment environment(at_once());
  environment.SetUp();
  run([&environment] {
    Channel<int> jobs;
    go([jobs] { jobs.receive(); });
    EXPECT_NONFATAL_FAILURE(environment.TearDown(), "1 goroutine has not ended:");
    jobs.close();
  });
  LeakEnvironment later(at_once());
  later.SetUp();
  later.TearDown();
}

}  // namespace
}  // namespace sluice::testing
