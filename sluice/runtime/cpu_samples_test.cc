// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/cpu_samples.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/base/time.h"
#include "sluice/runtime/internal/cpu_sampler.h"
#include "sluice/runtime/internal/sanitizer.h"
#include "sluice/runtime/runtime.h"

#define IN_HOT [[gnu::noinline, gnu::section("hot_code")]]
extern "C" const char __start_hot_code[], __stop_hot_code[];
extern "C" const char __start_sorter_code[], __stop_sorter_code[];

namespace sluice::runtime {
namespace {

// Until threads have been seen so often, however long that takes.
IN_HOT void burn_until_seen(uint64_t times) {
  while (cpu_samples_so_far() < times) {
    for (int i = 0; i < 10'000; ++i) asm volatile("");
    static_cast<void>(now());  // in which ThreadSanitizer has signals delivered
  }
  asm volatile("");
}

bool is_hot(const CpuSamples& samples, const CpuSample& sample) {
  std::span<const uintptr_t> frames = samples.frames(sample);
  return std::any_of(frames.begin(), frames.end(), [](uintptr_t address) {
    const char* at = reinterpret_cast<const char*>(address);
    return at > __start_hot_code && at <= __stop_hot_code;
  });
}

bool is_in_sorter(uintptr_t address) {
  const char* at = reinterpret_cast<const char*>(address);
  return at > __start_sorter_code && at <= __stop_sorter_code;
}

struct Counts {
  uint64_t all = 0;
  uint64_t hot = 0;       // in burn_until_seen()
  uint64_t labelled = 0;  // and with the wanted label
};
Counts count(const CpuSamples& samples, std::string_view label = "") {
  Counts counts;
  for (const CpuSample& sample : samples.samples) {
    counts.all += sample.count;
    if (!is_hot(samples, sample)) continue;
    counts.hot += sample.count;
    if (sample.label == label) counts.labelled += sample.count;
  }
  return counts;
}

using namespace std::chrono_literals;

TEST(CpuSamples, ShowWhatUsesTheCpu) {
  Runtime runtime{{.max_procs = 2}};
  ASSERT_TRUE(start_cpu_samples(1ms));
  runtime.block_on([] {
    set_goroutine_name("hog");
    burn_until_seen(30);
  });
  CpuSamples samples = stop_cpu_samples();
  EXPECT_EQ(samples.period, 1ms);
  EXPECT_GT(samples.duration, 0ms);
  Counts counts = count(samples, "hog");
  EXPECT_GE(counts.all, 30u);
  if (sanitizer::thread) return;  // signals come late: of no known stack
  EXPECT_GT(counts.hot * 2, counts.all);
  EXPECT_EQ(counts.labelled, counts.hot);
}

TEST(CpuSamples, AreTakenForOneAtATime) {
  ASSERT_TRUE(start_cpu_samples());
  Result<void> second = start_cpu_samples();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::failed_precondition);
  stop_cpu_samples();
  ASSERT_TRUE(start_cpu_samples());
  stop_cpu_samples();
}

TEST(CpuSamples, ARuntimesThreadIsSampledFromItsStart) {
  ASSERT_TRUE(start_cpu_samples(1ms));
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([] {
      EXPECT_TRUE(is_sampled(static_cast<int>(::syscall(SYS_gettid))));
      burn_until_seen(10);
    });
  }
  Counts counts = count(stop_cpu_samples());
  EXPECT_GE(counts.all, 10u);
  EXPECT_TRUE(sanitizer::thread || counts.hot != 0);
}

TEST(CpuSamples, AThreadOfNobodyIsSampledToo) {
  std::atomic<bool> started = false;
  std::thread thread([&] {
    while (!started) std::this_thread::yield();
    burn_until_seen(10);
  });
  ASSERT_TRUE(start_cpu_samples(1ms));
  started = true;
  thread.join();
  Counts counts = count(stop_cpu_samples());
  EXPECT_GE(counts.all, 10u);
  EXPECT_TRUE(sanitizer::thread || counts.hot != 0);
}

TEST(CpuSamples, EachTimeBeginsFromNothing) {
  Runtime runtime{{.max_procs = 1}};
  ASSERT_TRUE(start_cpu_samples(1ms));
  runtime.block_on([] { burn_until_seen(1); });
  stop_cpu_samples();
  ASSERT_TRUE(start_cpu_samples(1ms));
  Counts counts = count(stop_cpu_samples());
  EXPECT_EQ(counts.hot, 0u);
}

// The library's code has no frame pointers, and its callers are found all the same.
IN_HOT int compare(const void* a, const void* b) {
  for (int i = 0; i < 100; ++i) asm volatile("");
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}
[[gnu::noinline, gnu::section("sorter_code")]] void sort_until_seen(uint64_t times) {
  std::vector<int> numbers(1000);
  while (cpu_samples_so_far() < times) {
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i * 7919 % 1000);
    static_cast<void>(now());  // as above
    std::qsort(numbers.data(), numbers.size(), sizeof(int), compare);
  }
  asm volatile("");
}

void expect_callers_of_compare(const CpuSamples& samples) {
  if (sanitizer::thread) return;  // signals come late: of no known stack
  uint64_t compares = 0;
  for (const CpuSample& sample : samples.samples) {
    if (!is_hot(samples, sample)) continue;
    compares += sample.count;
    std::span<const uintptr_t> frames = samples.frames(sample);
    EXPECT_TRUE(std::any_of(frames.begin(), frames.end(), is_in_sorter));
  }
  EXPECT_GT(compares, 0u);
}

TEST(CpuSamples, ShowTheCallersOfTheLibrary) {
  Runtime runtime{{.max_procs = 1}};
  ASSERT_TRUE(start_cpu_samples(1ms));
  runtime.block_on([] { sort_until_seen(30); });
  expect_callers_of_compare(stop_cpu_samples());
}

TEST(CpuSamples, ShowTheCallersOnAThreadOfNobody) {
  ASSERT_TRUE(start_cpu_samples(1ms));
  sort_until_seen(30);
  expect_callers_of_compare(stop_cpu_samples());
}

}  // namespace
}  // namespace sluice::runtime
