// SPDX-License-Identifier: Apache-2.0

#include "sluice/heap/profile.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/heap/alloc_scope.h"
#include "sluice/heap/internal/sanitized.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

namespace sluice::heap {

[[gnu::noinline]] std::unique_ptr<char[]> allocate_here(size_t size) {
  auto memory = std::make_unique_for_overwrite<char[]>(size);
  asm volatile("" ::"r"(memory.get()));
  return memory;
}
// Through code of libstdc++, which has no frame pointers.
[[gnu::noinline]] void append_here(std::string& text, const char* more) {
  text.append(more);
  asm volatile("");
}

namespace {

class Profile : public testing::Test {
 protected:
  ~Profile() override { set_sample_rate(sanitized ? 0 : sample_rate_default); }

  // All that has a frame in `function`, which is less than 256 bytes long.
  template <class Function>
  static StackAllocations sum(Function* function, const HeapProfile& profile) {
    uintptr_t begin = reinterpret_cast<uintptr_t>(function);
    StackAllocations sum;
    for (const StackAllocations& stack : profile.stacks) {
      std::span<const uintptr_t> frames = profile.frames(stack);
      if (std::none_of(frames.begin(), frames.end(),
                       [&](uintptr_t each) { return each > begin && each - begin < 256; }))
        continue;
      sum.alloc_objects += stack.alloc_objects;
      sum.alloc_bytes += stack.alloc_bytes;
      sum.inuse_objects += stack.inuse_objects;
      sum.inuse_bytes += stack.inuse_bytes;
    }
    return sum;
  }
};

TEST_F(Profile, IsExactWhenEveryAllocationIsSampled) {
  ASSERT_TRUE(is_profiled());
  HeapProfile before = capture_heap_profile();
  set_sample_rate(1);
  std::vector<std::unique_ptr<char[]>> kept;
  kept.reserve(10);
  for (int i = 0; i < 10; ++i) kept.push_back(allocate_here(1000));
  kept.resize(4);
  StackAllocations seen = sum(&allocate_here, difference(capture_heap_profile(), before));
  EXPECT_EQ(seen.alloc_objects, 10);
  EXPECT_EQ(seen.alloc_bytes, 10'000);
  EXPECT_EQ(seen.inuse_objects, 4);
  EXPECT_EQ(seen.inuse_bytes, 4000);
}

// Half of what it allocates stays in use until the end.
void expect_estimates(const HeapProfile& before, auto sum) {
  set_sample_rate(10'000);
  std::vector<std::unique_ptr<char[]>> kept;
  constexpr int count = 20'000;
  kept.reserve(count / 2);
  for (int i = 0; i < count; ++i) {
    auto memory = allocate_here(500);
    if (i % 2 == 0) kept.push_back(std::move(memory));
  }
  StackAllocations seen = sum(difference(capture_heap_profile(), before));
  // Of 1,000 samples; seven deviations.
  EXPECT_NEAR(static_cast<double>(seen.alloc_bytes), 500.0 * count, 500.0 * count * 0.25);
  EXPECT_NEAR(static_cast<double>(seen.alloc_objects), count, count * 0.25);
  EXPECT_NEAR(static_cast<double>(seen.inuse_bytes), 250.0 * count, 250.0 * count * 0.35);
  kept.clear();
  EXPECT_EQ(sum(difference(capture_heap_profile(), before)).inuse_bytes, 0);
}

TEST_F(Profile, EstimatesFromSamples) {
  expect_estimates(capture_heap_profile(),
                   [](const HeapProfile& profile) { return sum(&allocate_here, profile); });
}

// Then each allocation goes the long way.
TEST_F(Profile, EstimatesTheSameWhileAScopeCounts) {
  AllocScope scope{AllocScope::Of::caller};
  expect_estimates(capture_heap_profile(),
                   [](const HeapProfile& profile) { return sum(&allocate_here, profile); });
  EXPECT_GE(scope.objects(), 20'000u);
}

TEST_F(Profile, WithoutSamplesNothingIsSeen) {
  set_sample_rate(0);
  HeapProfile before = capture_heap_profile();
  for (int i = 0; i < 100; ++i) allocate_here(100'000);
  EXPECT_EQ(sum(&allocate_here, difference(capture_heap_profile(), before)).alloc_bytes, 0);
}

TEST_F(Profile, KnowsWhoCallsALibrary) {
  if (sanitized) return;  // the sanitizer's own frames stand between, which no table describes
  HeapProfile before = capture_heap_profile();
  set_sample_rate(1);
  std::string text(10, 'x');
  append_here(text, "a text that does not fit into the string itself, so that it allocates");
  EXPECT_EQ(sum(&append_here, difference(capture_heap_profile(), before)).inuse_objects, 1);
}

TEST_F(Profile, SeesGoroutinesThatMoveBetweenThreads) {
  HeapProfile before = capture_heap_profile();
  set_sample_rate(1);
  Runtime runtime{{.max_procs = 2}};
  constexpr int goroutines = 50, rounds = 20;
  std::atomic<int> left{goroutines};
  runtime.block_on([&] {
    for (int i = 0; i < goroutines; ++i)
      go([&] {
        for (int round = 0; round < rounds; ++round) {
          set_sample_rate(1);  // of whichever thread this is
          auto memory = allocate_here(100);
          yield();
        }
        --left;
      });
    while (left != 0) yield();
  });
  StackAllocations seen = sum(&allocate_here, difference(capture_heap_profile(), before));
  EXPECT_EQ(seen.alloc_objects, goroutines * rounds);
  EXPECT_EQ(seen.inuse_objects, 0);
}

TEST_F(Profile, ThreadsFreeWhatOthersAllocated) {
  HeapProfile before = capture_heap_profile();
  set_sample_rate(1);
  std::vector<std::unique_ptr<char[]>> memory;
  for (int i = 0; i < 100; ++i) memory.push_back(allocate_here(64));
  std::thread([&] { memory.clear(); }).join();
  EXPECT_EQ(sum(&allocate_here, difference(capture_heap_profile(), before)).inuse_objects, 0);
}

TEST_F(Profile, ADifferenceMayBeNegative) {
  set_sample_rate(1);
  auto memory = allocate_here(1000);
  HeapProfile before = capture_heap_profile();
  memory.reset();
  StackAllocations seen = sum(&allocate_here, difference(capture_heap_profile(), before));
  EXPECT_EQ(seen.inuse_bytes, -1000);
  EXPECT_EQ(seen.alloc_bytes, 0);
}

// In a process of its own, which reads the variable anew.
TEST(ProfileDeathTest, BeginsWithTheRateOfTheVariable) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto report_rate = [] {
    std::fprintf(stderr, "rate %llu\n",
                 static_cast<unsigned long long>(capture_heap_profile().sample_rate));
    std::exit(0);
  };
  for (auto [value, says] : {std::pair{"4096", "rate 4096\n"}, std::pair{"0", "rate 0\n"}}) {
    ::setenv("SLUICE_MEMPROFILERATE", value, 1);
    EXPECT_EXIT(report_rate(), testing::ExitedWithCode(0), says);
  }
  for (const char* value : {"x", "-1", "1k", "1099511627777"}) {
    ::setenv("SLUICE_MEMPROFILERATE", value, 1);
    EXPECT_DEATH(report_rate(), "SLUICE_MEMPROFILERATE: must be a number of bytes");
  }
  ::unsetenv("SLUICE_MEMPROFILERATE");
}

}  // namespace
}  // namespace sluice::heap
