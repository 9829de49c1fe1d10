// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/result.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/heap/alloc_scope.h"

namespace sluice {
namespace {

constexpr ErrorSentinel failure{Code::internal, "failure"};

struct Base {
  virtual ~Base() = default;
};
struct Derived : Base {};

// Counts its instances, to show that each is destroyed once.
struct Counted {
  static inline int alive = 0;
  int value;
  explicit Counted(int value = 0) : value(value) { ++alive; }
  Counted(const Counted& other) : value(other.value) { ++alive; }
  Counted(Counted&& other) noexcept : value(std::exchange(other.value, -1)) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }
};

TEST(Result, IsAsSmallAsItsParts) {
  EXPECT_EQ(sizeof(Result<void>), sizeof(void*));
  EXPECT_EQ(sizeof(Result<int>), 2 * sizeof(void*));
  EXPECT_EQ(sizeof(Result<std::unique_ptr<int>>), 2 * sizeof(void*));
}

TEST(Result, HoldsAValue) {
  const Result<int> result = 7;
  EXPECT_TRUE(result.has_value());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(*result, 7);
  EXPECT_EQ(result.value(), 7);
  EXPECT_EQ(result, 7);
}

TEST(Result, HoldsAnError) {
  const Result<int> result = Error(Code::not_found, "no");
  EXPECT_FALSE(result.has_value());
  EXPECT_FALSE(static_cast<bool>(result));
  EXPECT_EQ(result.error().code(), Code::not_found);
  EXPECT_NE(result, 7);
}

TEST(Result, SentinelIsAnErrorThatAllocatesNothing) {
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  const Result<int> result = failure;
  const Result<void> nothing = failure;
  EXPECT_EQ(allocs.objects(), 0u);
  EXPECT_TRUE(is(result.error(), failure));
  EXPECT_TRUE(is(nothing.error(), failure));
}

TEST(Result, DefaultIsADefaultValue) {
  EXPECT_EQ(*Result<int>{}, 0);
  EXPECT_EQ(*Result<std::string>{}, "");
  EXPECT_TRUE(Result<void>{}.has_value());
}

TEST(Result, ValueConvertsAsItsTypeDoes) {
  const Result<std::string> text = "literal";
  EXPECT_EQ(*text, "literal");
  static_assert(!std::is_convertible_v<int, Result<std::vector<int>>>);  // an explicit constructor
  static_assert(std::is_constructible_v<Result<std::vector<int>>, int>);
}

TEST(Result, InPlaceBuildsTheValueFromSeveralArguments) {
  const Result<std::string> result(std::in_place, 3, 'x');
  EXPECT_EQ(*result, "xxx");
}

TEST(Result, MoveOnlyValueMovesThrough) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  Result<std::unique_ptr<int>> moved = std::move(result);
  const std::unique_ptr<int> owned = *std::move(moved);
  EXPECT_EQ(*owned, 5);
  static_assert(!std::is_copy_constructible_v<Result<std::unique_ptr<int>>>);
}

TEST(Result, ConvertsFromAResultOfAConvertibleType) {
  Result<std::unique_ptr<Derived>> derived = std::make_unique<Derived>();
  const Result<std::unique_ptr<Base>> base = std::move(derived);
  EXPECT_TRUE(base.has_value());
  const Result<std::unique_ptr<Base>> failed = Result<std::unique_ptr<Derived>>(failure);
  EXPECT_TRUE(is(failed.error(), failure));
}

TEST(Result, CopiesAreIndependent) {
  Result<std::string> one = "one";
  Result<std::string> two = one;
  *two = "two";
  EXPECT_EQ(*one, "one");
  two = one;
  EXPECT_EQ(*two, "one");
}

TEST(Result, AssignmentChangesSides) {
  Result<std::string> result = "value";
  result = failure;
  EXPECT_TRUE(is(result.error(), failure));
  result = "again";
  EXPECT_EQ(*result, "again");
}

TEST(Result, AssignmentToItselfKeepsIt) {
  Result<std::string> result = "value";
  const Result<std::string>& alias = result;
  result = alias;
  EXPECT_EQ(*result, "value");
}

TEST(Result, EmplaceReplacesEitherSide) {
  Result<std::string> result = failure;
  EXPECT_EQ(result.emplace("first"), "first");
  EXPECT_EQ(result.emplace(2, 'y'), "yy");
}

TEST(Result, MovedFromKeepsItsSide) {
  Result<std::string> failed = failure;
  const Result<std::string> target = std::move(failed);
  EXPECT_FALSE(failed.has_value());  // NOLINT(bugprone-use-after-move): the claim
  EXPECT_TRUE(is(target.error(), failure));
  Result<void> nothing = Error(Code::internal, "x");
  const Error taken = std::move(nothing).error();
  EXPECT_FALSE(nothing.has_value());  // NOLINT(bugprone-use-after-move): the claim
}

TEST(Result, EveryValueIsDestroyedOnce) {
  {
    Result<Counted> a = Counted(1);
    Result<Counted> b = a;
    Result<Counted> c = std::move(a);
    b = failure;
    b = c;
    c = failure;
    b.emplace(2);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST(Result, ArrowReachesMembers) {
  Result<std::string> result = "text";
  EXPECT_EQ(result->size(), 4u);
}

TEST(Result, ValueOrGivesTheOtherOnError) {
  EXPECT_EQ(Result<int>(1).value_or(9), 1);
  EXPECT_EQ(Result<int>(failure).value_or(9), 9);
  EXPECT_EQ(Result<std::string>(failure).value_or("none"), "none");
  const Result<int> kept = 2;
  EXPECT_EQ(kept.value_or(9), 2);
}

TEST(Result, AndThenChainsResults) {
  const auto half = [](int n) -> Result<int> {
    if (n % 2 != 0) return failure;
    return n / 2;
  };
  EXPECT_EQ(Result<int>(8).and_then(half).and_then(half), 2);
  EXPECT_TRUE(is(Result<int>(6).and_then(half).and_then(half).error(), failure));
}

TEST(Result, AndThenMayEndInVoid) {
  const Result<void> done = Result<int>(1).and_then([](int) { return Result<void>(); });
  EXPECT_TRUE(done.has_value());
}

TEST(Result, TransformMapsTheValueOnly) {
  const auto twice = [](int n) { return 2 * n; };
  EXPECT_EQ(Result<int>(4).transform(twice), 8);
  EXPECT_TRUE(is(Result<int>(failure).transform(twice).error(), failure));
}

TEST(Result, TransformToVoidKeepsTheError) {
  int seen = 0;
  EXPECT_TRUE(Result<int>(4).transform([&](int n) { seen = n; }).has_value());
  EXPECT_EQ(seen, 4);
  EXPECT_FALSE(Result<int>(failure).transform([](int) {}).has_value());
}

TEST(Result, TransformOfAnRvalueMovesTheValue) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  const auto moved = std::move(result).transform([](std::unique_ptr<int> p) { return p; });
  EXPECT_EQ(**moved, 3);
}

TEST(Result, OrElseReplacesTheErrorOnly) {
  const auto recover = [](const Error&) -> Result<int> { return -1; };
  EXPECT_EQ(Result<int>(4).or_else(recover), 4);
  EXPECT_EQ(Result<int>(failure).or_else(recover), -1);
}

TEST(Result, TransformErrorWrapsTheErrorOnly) {
  const auto outer = [](Error error) { return wrap(std::move(error), "outer"); };
  EXPECT_EQ(Result<int>(4).transform_error(outer), 4);
  EXPECT_EQ(Result<int>(failure).transform_error(outer).error().to_string(), "outer: failure");
  EXPECT_EQ(Result<void>(failure).transform_error(outer).error().to_string(), "outer: failure");
}

TEST(Result, MonadsLeaveAnLvalueAsItIs) {
  const Result<std::string> text = "kept";
  EXPECT_EQ(text.transform([](const std::string& s) { return s.size(); }), 4u);
  EXPECT_EQ(*text.or_else([](const Error&) { return Result<std::string>("x"); }), "kept");
  EXPECT_EQ(*text, "kept");
}

TEST(ResultOfVoid, MonadsCallWithoutAnArgument) {
  const Result<void> done;
  EXPECT_EQ(done.transform([] { return 3; }), 3);
  EXPECT_EQ(done.and_then([] { return Result<int>(4); }), 4);
  EXPECT_TRUE(done.transform([] {}).has_value());
  const Result<void> failed = failure;
  EXPECT_TRUE(failed.or_else([](const Error&) { return Result<void>(); }).has_value());
  EXPECT_FALSE(failed.transform([] { return 3; }).has_value());
  EXPECT_FALSE(failed.and_then([] { return Result<int>(4); }).has_value());
}

TEST(ResultDeathTest, ValueOfAnErrorEndsTheProcessWithItsText) {
  const Result<int> result = wrap(failure, "outer");
  EXPECT_DEATH((void)result.value(), "a Result that holds an error: outer: failure");
  EXPECT_DEATH((void)*result, "outer: failure");
  EXPECT_DEATH(Result<void>(failure).value(), "holds an error: failure");
}

TEST(ResultDeathTest, ErrorOfAValueEndsTheProcess) {
  EXPECT_DEATH((void)Result<int>(1).error(), "the error of a Result that holds a value");
  EXPECT_DEATH((void)Result<void>().error(), "the error of a Result that holds a value");
}

}  // namespace
}  // namespace sluice
