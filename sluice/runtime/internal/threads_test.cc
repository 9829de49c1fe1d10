// SPDX-License-Identifier: Apache-2.0

#include <signal.h>
#include <sys/mman.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/runtime.h"

namespace sluice::runtime {
namespace {

int count_records() {
  int n = 0;
  for (M* m = sched.all_ms.load(); m != nullptr; m = m->all_next) ++n;
  return n;
}

TEST(Threads, TheirRecordsServeTheNextRuntime) {
  constexpr int threads_max = 4;
  int before = count_records();
  for (int i = 0; i < 50; ++i) {
    Runtime runtime{{.max_procs = 2, .threads_max = threads_max}};
    runtime.block_on([] {
      for (int j = 0; j < 10; ++j) go([] { blocking([] {}); });
      yield();
    });
  }
  EXPECT_LE(count_records(), before + threads_max);
}

TEST(Threads, TheirSignalStacksEndWithThem) {
  stack_t stack = {};
  {
    Runtime runtime{{.max_procs = 1}};
    runtime.block_on([&] { ::sigaltstack(nullptr, &stack); });
  }
  ASSERT_NE(stack.ss_sp, nullptr);
  unsigned char resident[64];
  EXPECT_EQ(::mincore(stack.ss_sp, 1, resident), -1);
  EXPECT_EQ(errno, ENOMEM);
}

}  // namespace
}  // namespace sluice::runtime
