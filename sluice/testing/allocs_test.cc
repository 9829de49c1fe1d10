// SPDX-License-Identifier: Apache-2.0

#include "sluice/testing/allocs.h"

#include <atomic>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::testing {

[[gnu::noinline]] void allocate_for_report(size_t size) {
  auto memory = std::make_unique_for_overwrite<char[]>(size);
  asm volatile("" ::"r"(memory.get()));
}

namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CountAllocs, IsExact) {
  EXPECT_EQ(count_allocs([] {}), 0u);
  Allocs allocs = count_allocs([] {
    for (int i = 0; i < 10; ++i) allocate_for_report(100);
  });
  EXPECT_EQ(allocs, 10u);
  EXPECT_LE(allocs, 10u);
  EXPECT_GT(allocs, 9u);
  EXPECT_EQ(allocs.bytes(), 1000u);
}

TEST(CountAllocs, TellsWhoAllocatesByFunctionAndLine) {
  Allocs allocs = count_allocs([] {
    for (int i = 0; i < 4; ++i) allocate_for_report(100);
  });
  EXPECT_THAT(allocs.report(), StartsWith("4 allocations, 400 bytes\n"));
  EXPECT_THAT(allocs.report(), HasSubstr("sluice::testing::allocate_for_report "));
  EXPECT_THAT(allocs.report(), ::testing::ContainsRegex("sluice/testing/allocs_test.cc:[0-9]+ < "));
  EXPECT_THAT(allocs.report(8), StartsWith("0.50 allocs/op, 50.0 B/op\n"));
}

TEST(CountAllocs, AFailurePrintsTheReport) {
  EXPECT_NONFATAL_FAILURE(EXPECT_EQ(count_allocs([] { allocate_for_report(1); }), 0u),
                          "allocate_for_report");
}

TEST(CountAllocs, PutsWhatTheLibraryDoesDownToItsCaller) {
  std::string text(10, 'x');
  Allocs allocs = count_allocs([&] { text.append(1000, 'y'); });
  EXPECT_EQ(allocs, 1u);
  EXPECT_THAT(allocs.report(), HasSubstr("allocs_test.cc"));
}

TEST(CountAllocs, OfTheProcessCountsGoroutinesThatAnswer) {
  Runtime runtime{{.max_procs = 2}};
  runtime.block_on([] {
    auto ask = [] {
      std::atomic<bool> done = false;
      go([&] {
        allocate_for_report(50);
        done = true;
      });
      while (!done) yield();
    };
    ask();
    EXPECT_EQ(count_allocs(ask), 0u);
    EXPECT_GE(count_process_allocs(ask), 1u);
  });
}

}  // namespace
}  // namespace sluice::testing
