// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/try.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "sluice/base/result.h"
#include "sluice/heap/alloc_scope.h"

namespace sluice {
namespace {

constexpr ErrorSentinel failure{Code::internal, "failure"};

Result<int> number(bool good) {
  if (!good) return failure;
  return 7;
}
Result<void> step(bool good) {
  if (!good) return failure;
  return {};
}
Result<std::unique_ptr<int>> owned(bool good) {
  if (!good) return failure;
  return std::make_unique<int>(7);
}

TEST(Try, YieldsTheValue) {
  const auto plus_one = [](bool good) -> Result<int> { return SLUICE_TRY(number(good)) + 1; };
  EXPECT_EQ(plus_one(true), 8);
}

TEST(Try, ReturnsTheErrorFromTheEnclosingFunction) {
  bool went_on = false;
  const auto plus_one = [&]() -> Result<int> {
    const int n = SLUICE_TRY(number(false));
    went_on = true;
    return n + 1;
  };
  EXPECT_TRUE(is(plus_one().error(), failure));
  EXPECT_FALSE(went_on);
}

TEST(Try, OfResultVoidIsAStatement) {
  const auto both = [](bool first, bool second) -> Result<void> {
    SLUICE_TRY(step(first));
    SLUICE_TRY(step(second));
    return {};
  };
  EXPECT_TRUE(both(true, true).has_value());
  EXPECT_FALSE(both(false, true).has_value());
  EXPECT_FALSE(both(true, false).has_value());
}

TEST(Try, MoveOnlyValueIsMovedOut) {
  const auto pass = [](bool good) -> Result<std::unique_ptr<int>> {
    std::unique_ptr<int> mine = SLUICE_TRY(owned(good));
    ++*mine;
    return mine;
  };
  EXPECT_EQ(**pass(true), 8);
  EXPECT_TRUE(is(pass(false).error(), failure));
}

TEST(Try, ErrorPassesBetweenResultTypes) {
  const auto as_text = [](bool good) -> Result<std::string> {
    SLUICE_TRY(step(good));
    return std::to_string(SLUICE_TRY(number(good)));
  };
  EXPECT_EQ(*as_text(true), "7");
  EXPECT_TRUE(is(as_text(false).error(), failure));
}

TEST(Try, EnclosingFunctionMayReturnAnError) {
  const auto why = [](bool good) -> Error {
    SLUICE_TRY(step(good));
    return Error(Code::aborted, "all was well");
  };
  EXPECT_TRUE(is(why(false), failure));
  EXPECT_EQ(why(true).code(), Code::aborted);
}

TEST(Try, NestsInAnExpression) {
  const auto plus = [](int a, bool good) -> Result<int> {
    if (!good) return failure;
    return a + 1;
  };
  const auto chain = [&](bool good) -> Result<int> {
    return SLUICE_TRY(plus(SLUICE_TRY(plus(SLUICE_TRY(number(true)), true)), good));
  };
  EXPECT_EQ(chain(true), 9);
  EXPECT_FALSE(chain(false).has_value());
}

TEST(Try, ConditionMayUseIt) {
  const auto sign = [](bool good) -> Result<std::string> {
    if (SLUICE_TRY(number(good)) > 0) return "positive";
    return "other";
  };
  EXPECT_EQ(*sign(true), "positive");
  EXPECT_FALSE(sign(false).has_value());
}

// Temporaries of the whole expression are destroyed when it is left in the middle; the leak checker
// of the asan preset watches.
TEST(Try, EarlyReturnDestroysTemporaries) {
  const auto join = [](std::string left, int right) { return left + std::to_string(right); };
  const auto labelled = [&](bool good) -> Result<std::string> {
    return join(std::string(100, 'x'), SLUICE_TRY(number(good)));
  };
  EXPECT_EQ(labelled(true)->size(), 101u);
  EXPECT_FALSE(labelled(false).has_value());
}

TEST(Try, LvalueIsCopiedFrom) {
  const Result<std::string> kept = "kept";
  const auto copy = [&]() -> Result<std::string> { return SLUICE_TRY(kept) + "!"; };
  EXPECT_EQ(*copy(), "kept!");
  EXPECT_EQ(*kept, "kept");
}

TEST(Try, PassingASentinelUpAllocatesNothing) {
  const auto outer = [](auto&& inner) -> Result<void> {
    SLUICE_TRY(inner());
    return {};
  };
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  const Result<void> result =
      outer([&] { return outer([&] { return outer([] { return step(false); }); }); });
  EXPECT_EQ(allocs.objects(), 0u);
  EXPECT_TRUE(is(result.error(), failure));
}

}  // namespace
}  // namespace sluice
