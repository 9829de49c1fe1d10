// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/defer.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Defer, RunsAtTheEndOfItsScope) {
  std::string trace;
  {
    Defer last{[&] { trace += "deferred"; }};
    trace += "body ";
  }
  EXPECT_EQ(trace, "body deferred");
}

TEST(Defer, RunsOnReturn) {
  int runs = 0;
  [&] {
    Defer count{[&] { ++runs; }};
    return;
  }();
  EXPECT_EQ(runs, 1);
}

TEST(Defer, RunsWhenAUsersExceptionPasses) {
  int runs = 0;
  try {
    Defer count{[&] { ++runs; }};
    throw 1;
  } catch (int) {
  }
  EXPECT_EQ(runs, 1);
}

TEST(Defer, SeveralRunInReverseOrder) {
  std::string trace;
  {
    Defer first{[&] { trace += '1'; }};
    Defer second{[&] { trace += '2'; }};
  }
  EXPECT_EQ(trace, "21");
}

TEST(Defer, CancelledDoesNotRun) {
  int runs = 0;
  {
    Defer count{[&] { ++runs; }};
    count.cancel();
  }
  EXPECT_EQ(runs, 0);
}

TEST(Defer, FunctionMayBeMoveOnly) {
  int got = 0;
  {
    Defer read{[&, owned = std::make_unique<int>(7)] { got = *owned; }};
  }
  EXPECT_EQ(got, 7);
}

}  // namespace
}  // namespace sluice
