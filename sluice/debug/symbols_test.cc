// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/symbols.h"

#include <dlfcn.h>

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::debug {
namespace {

using testing::EndsWith;

struct Here {
  uintptr_t address;
  int line;
};

[[gnu::noinline]] uintptr_t caller() {
  return reinterpret_cast<uintptr_t>(__builtin_return_address(0));
}

template <class T>
[[gnu::noinline]] Here outer(T) {
  Here here{caller(), __LINE__};
  asm volatile("");
  return here;
}

[[gnu::always_inline]] inline Here inner() {
  Here here{caller(), __LINE__};
  asm volatile("");
  return here;
}
[[gnu::noinline]] Here host() {
  Here here = inner();
  asm volatile("");
  return here;
}

TEST(Symbols, TellFunctionFileAndLine) {
  Here here = outer(1);
  const CodeLocation& location = locate(here.address);
  ASSERT_EQ(location.frames.size(), 1u);
  EXPECT_THAT(location.frames[0].function, EndsWith("::outer<int>"));
  EXPECT_THAT(location.frames[0].file, EndsWith("debug/symbols_test.cc"));
  EXPECT_EQ(location.frames[0].line, here.line);
  EXPECT_FALSE(location.frames[0].inlined);
  EXPECT_LT(location.entry, here.address);
  EXPECT_GT(location.entry, here.address - 4096);
}

TEST(Symbols, TellInlinedCallsInnermostFirst) {
  Here here = host();
  const CodeLocation& location = locate(here.address);
  ASSERT_EQ(location.frames.size(), 2u);
  EXPECT_THAT(location.frames[0].function, EndsWith("inner"));
  EXPECT_TRUE(location.frames[0].inlined);
  EXPECT_EQ(location.frames[0].line, here.line);
  EXPECT_THAT(location.frames[1].function, EndsWith("::host"));
  EXPECT_FALSE(location.frames[1].inlined);
}

TEST(Symbols, AnAddressOfNothingIsNamedByItself) {
  const CodeLocation& location = locate(0x1234);
  ASSERT_EQ(location.frames.size(), 1u);
  EXPECT_EQ(location.frames[0].function, "0x1234");
  EXPECT_EQ(location.frames[0].file, "");
}

// It has no file that could be read.
TEST(Symbols, TellTheKernelsCodeInTheProcess) {
  void* vdso = ::dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(vdso, nullptr);
#if defined(__x86_64__)
  const char* name = "__vdso_clock_gettime";
#else
  const char* name = "__kernel_clock_gettime";
#endif
  void* function = ::dlsym(vdso, name);
  ASSERT_NE(function, nullptr);
  const CodeLocation& location = locate(reinterpret_cast<uintptr_t>(function) + 1);
  ASSERT_EQ(location.frames.size(), 1u);
  EXPECT_THAT(location.frames[0].function, EndsWith("clock_gettime"));
  EXPECT_EQ(location.entry, reinterpret_cast<uintptr_t>(function));
  ::dlclose(vdso);
}

TEST(Symbols, AreTheSameForAllThreads) {
  uintptr_t address = outer('x').address;
  std::vector<std::thread> threads;
  std::atomic<const CodeLocation*> found[4] = {};
  for (auto& each : found) threads.emplace_back([&each, address] { each = &locate(address); });
  for (std::thread& thread : threads) thread.join();
  for (auto& each : found) EXPECT_EQ(each.load(), &locate(address));
}

}  // namespace
}  // namespace sluice::debug
