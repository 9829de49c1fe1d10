// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/allocation_report.h"

#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/heap/alloc_scope.h"

namespace sluice::debug {

[[gnu::noinline]] void grow_for_report(std::vector<int>& numbers) {
  numbers.reserve(numbers.capacity() + 1);
  asm volatile("");
}
[[gnu::noinline]] void make_for_report() {
  auto number = std::make_unique<long>(1);
  asm volatile("" ::"r"(number.get()));
}
[[gnu::noinline]] void call_for_report() {
  make_for_report();
  asm volatile("");
}

namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

heap::HeapProfile some_allocations() {
  heap::AllocScope scope{heap::AllocScope::Of::caller, heap::AllocScope::Keep::stacks};
  std::vector<int> numbers;
  volatile int times = 3;
  for (int i = 0; i < times; ++i) grow_for_report(numbers);
  make_for_report();
  call_for_report();
  return scope.stacks();
}

TEST(AllocationReport, SumsUpByFunctionAndLine) {
  std::string report = allocation_report(some_allocations());
  EXPECT_THAT(report, StartsWith("5 allocations, 40 bytes\n"
                                 "         3          24 B  sluice::debug::grow_for_report "));
  EXPECT_THAT(report, HasSubstr("allocation_report_test.cc:16 < "));
  // By two callers, of the same line.
  EXPECT_THAT(report, HasSubstr("\n         2          16 B  sluice::debug::make_for_report "));
}

TEST(AllocationReport, IsForEachOperationIfThereAreSome) {
  EXPECT_THAT(allocation_report(some_allocations(), 10),
              StartsWith("0.50 allocs/op, 4.0 B/op\n"
                         "      0.30         2.4 B  sluice::debug::grow_for_report "));
}

TEST(AllocationReport, OfNothingSaysSo) {
  EXPECT_EQ(allocation_report({}), "0 allocations, 0 bytes\n");
}

}  // namespace
}  // namespace sluice::debug
