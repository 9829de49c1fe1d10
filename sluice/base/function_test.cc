// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/function.h"

#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "sluice/heap/alloc_scope.h"

namespace sluice {
namespace {

int twice(int n) { return 2 * n; }

// A callable whose instances are counted; not trivially copyable.
template <size_t padding_bytes>
struct Counted {
  static inline int alive = 0;
  std::array<char, padding_bytes> padding{};
  Counted() { ++alive; }
  Counted(const Counted&) { ++alive; }
  Counted(Counted&&) noexcept { ++alive; }
  ~Counted() { --alive; }
  int operator()() { return alive; }
};

TEST(Function, IsACacheLine) { EXPECT_EQ(sizeof(Function<void()>), 64u); }

TEST(Function, CallsALambda) {
  int base = 3;
  const Function<int(int)> plus = [base](int n) { return base + n; };
  EXPECT_EQ(plus(4), 7);
}

TEST(Function, CallsAFunction) {
  const Function<int(int)> f = twice;
  const Function<int(int)> g = &twice;
  EXPECT_EQ(f(4) + g(5), 18);
}

TEST(Function, CallableMayBeMoveOnly) {
  Function<int()> f = [owned = std::make_unique<int>(5)] { return *owned; };
  const Function<int()> moved = std::move(f);
  EXPECT_EQ(moved(), 5);
}

TEST(Function, CallableMayChangeItsState) {
  Function<int()> next = [n = 0]() mutable { return ++n; };
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(next(), 2);
}

TEST(Function, ArgumentsPassAsTheyAre) {
  Function<std::string(std::unique_ptr<int>, std::string&, const std::string&)> f =
      [](std::unique_ptr<int> n, std::string& out, const std::string& in) {
        out = in;
        return std::to_string(*n);
      };
  std::string out;
  EXPECT_EQ(f(std::make_unique<int>(6), out, "in"), "6");
  EXPECT_EQ(out, "in");
}

TEST(Function, ResultOfAVoidSignatureIsDropped) {
  int calls = 0;
  Function<void()> f = [&calls] { return ++calls; };
  f();
  EXPECT_EQ(calls, 1);
}

TEST(Function, ReferenceIsReturnedAsOne) {
  int n = 1;
  Function<int&()> f = [&n]() -> int& { return n; };
  f() = 9;
  EXPECT_EQ(n, 9);
}

TEST(Function, EmptyIsFalse) {
  Function<void()> f;
  EXPECT_FALSE(f);
  EXPECT_FALSE(Function<void()>(nullptr));
  EXPECT_FALSE(Function<int(int)>(static_cast<int (*)(int)>(nullptr)));
  f = [] {};
  EXPECT_TRUE(f);
  f = nullptr;
  EXPECT_FALSE(f);
}

TEST(Function, MovedFromIsEmpty) {
  Function<int()> f = [] { return 1; };
  Function<int()> g = std::move(f);
  EXPECT_FALSE(f);  // NOLINT(bugprone-use-after-move): the claim
  EXPECT_TRUE(g);
}

TEST(Function, MoveToItselfKeepsIt) {
  Function<int()> f = [owned = std::make_unique<int>(5)] { return *owned; };
  Function<int()>& alias = f;
  f = std::move(alias);
  EXPECT_EQ(f(), 5);
}

TEST(Function, SmallCallableAllocatesNothing) {
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  std::array<char, 48> payload{};
  Function<char()> f = [payload] { return payload[0]; };
  Function<char()> g = std::move(f);
  EXPECT_EQ(g(), 0);
  EXPECT_EQ(allocs.objects(), 0u);
}

TEST(Function, LargeCallableAllocatesOnceAndMovesForFree) {
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  std::array<char, 49> payload{};
  Function<char()> f = [payload] { return payload[0]; };
  Function<char()> g = std::move(f);
  EXPECT_EQ(g(), 0);
  EXPECT_EQ(allocs.objects(), 1u);
}

TEST(Function, InlineBytesAreAParameter) {
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  std::array<char, 120> payload{};
  Function<char(), 120> f = [payload] { return payload[0]; };
  EXPECT_EQ(f(), 0);
  EXPECT_EQ(allocs.objects(), 0u);
}

TEST(Function, OverAlignedCallableIsHeldAligned) {
  struct alignas(64) Wide {
    int operator()() { return reinterpret_cast<uintptr_t>(this) % 64 == 0 ? 1 : 0; }
  };
  Function<int()> f = Wide{};
  Function<int()> g = std::move(f);
  EXPECT_EQ(g(), 1);
}

TEST(Function, InlineCallableIsDestroyedOnce) {
  {
    Function<int()> f = Counted<8>();
    Function<int()> g = std::move(f);
    EXPECT_EQ(g(), 1);
    f = std::move(g);
    f = Counted<8>();
  }
  EXPECT_EQ(Counted<8>::alive, 0);
}

TEST(Function, HeapCallableIsDestroyedOnce) {
  {
    Function<int()> f = Counted<100>();
    Function<int()> g = std::move(f);
    EXPECT_EQ(g(), 1);
    f = std::move(g);
    f = Counted<100>();
  }
  EXPECT_EQ(Counted<100>::alive, 0);
}

TEST(Function, WrongSignatureIsNotAccepted) {
  static_assert(!std::is_constructible_v<Function<int(int)>, std::string (*)(int)>);
  static_assert(!std::is_constructible_v<Function<int(int)>, int (*)(int, int)>);
  static_assert(
      !std::is_constructible_v<Function<size_t(std::string&)>, size_t (std::string::*)() const>);
  static_assert(!std::is_copy_constructible_v<Function<void()>>);
}

TEST(FunctionDeathTest, CallOfAnEmptyOneEndsTheProcess) {
  EXPECT_DEATH(Function<void()>()(), "call of an empty Function");
}

TEST(FunctionRef, CallsWhatItLooksAt) {
  int calls = 0;
  auto count = [&calls](int n) { return calls += n; };
  const FunctionRef<int(int)> ref = count;
  EXPECT_EQ(ref(2), 2);
  EXPECT_EQ(ref(3), 5);
}

TEST(FunctionRef, CallsAFunction) {
  const FunctionRef<int(int)> ref = twice;
  EXPECT_EQ(ref(21), 42);
}

TEST(FunctionRef, CallsAConstCallable) {
  const auto one = [] { return 1; };
  EXPECT_EQ(FunctionRef<int()>(one)(), 1);
}

TEST(FunctionRef, TakesATemporaryForTheLengthOfACall) {
  const auto apply = [](FunctionRef<int(int)> f) { return f(1); };
  EXPECT_EQ(apply([base = 41](int n) { return base + n; }), 42);
}

TEST(FunctionRef, IsTwoWordsAndAllocatesNothing) {
  heap::AllocScope allocs{heap::AllocScope::Of::caller};
  std::array<char, 200> payload{};
  auto large = [payload] { return payload[0]; };
  EXPECT_EQ(FunctionRef<char()>(large)(), 0);
  EXPECT_EQ(allocs.objects(), 0u);
  static_assert(sizeof(FunctionRef<char()>) == 2 * sizeof(void*));
}

}  // namespace
}  // namespace sluice
