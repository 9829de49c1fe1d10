// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/once.h"

#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

TEST(Once, CallsOnce) {
  Once once;
  int calls = 0;
  for (int i = 0; i < 3; ++i) once.call([&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(Once, CountsAsDoneAfterAnException) {
  Once once;
  EXPECT_THROW(once.call([] { throw std::runtime_error("failed"); }), std::runtime_error);
  once.call([] { FAIL(); });
}

TEST(OnceValue, MakesItOnceAndGivesTheSame) {
  OnceValue<std::string> value;
  int calls = 0;
  auto make = [&] { return ++calls, std::string("made"); };
  std::string& first = value.get(make);
  EXPECT_EQ(first, "made");
  EXPECT_EQ(&value.get(make), &first);
  EXPECT_EQ(calls, 1);
}

TEST(OnceValue, TriesAgainAfterAnException) {
  OnceValue<int> value;
  EXPECT_THROW(value.get([]() -> int { throw std::runtime_error("failed"); }), std::runtime_error);
  EXPECT_EQ(value.get([] { return 5; }), 5);
}

class OnceStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, OnceStress, testing::Values(1, 2, 4));

TEST_P(OnceStress, NobodyReturnsBeforeItIsDone) {
  runtime_.block_on([] {
    for (int round = 0; round < 50; ++round) {
      Once once;
      int made = 0;  // plain: call() orders it
      WaitGroup group;
      for (int g = 0; g < 10; ++g)
        group.go([&] {
          once.call([&] {
            yield();
            ++made;
          });
          EXPECT_EQ(made, 1);
        });
      group.wait();
    }
  });
}

TEST_P(OnceStress, AllGetTheSameValue) {
  runtime_.block_on([] {
    OnceValue<std::string> value;
    WaitGroup group;
    for (int g = 0; g < 10; ++g)
      group.go([&] {
        EXPECT_EQ(value.get([] {
          yield();
          return std::string("made");
        }),
                  "made");
      });
    group.wait();
  });
}

}  // namespace
}  // namespace sluice::sync
