// SPDX-License-Identifier: Apache-2.0

#include "sluice/sync/map.h"

#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::sync {
namespace {

// Three ways to hold entries: both words; by pointer; and by pointer with nothing but collisions.
struct Words {
  using Type = Map<uint64_t, uint64_t>;
  static uint64_t key(uint64_t n) { return n; }
  static uint64_t value(uint64_t n) { return n * 3; }
};
struct Strings {
  using Type = Map<std::string, std::string>;
  static std::string key(uint64_t n) { return "key" + std::to_string(n); }
  static std::string value(uint64_t n) { return "value" + std::to_string(n); }
};
struct SameHash {
  size_t operator()(std::string_view) const { return 7; }
};
struct Colliding {
  using Type = Map<std::string, std::string, SameHash>;
  static std::string key(uint64_t n) { return "key" + std::to_string(n); }
  static std::string value(uint64_t n) { return "value" + std::to_string(n); }
};
struct FewHashes {
  size_t operator()(uint64_t key) const { return key % 4; }
};
struct CollidingWords {
  using Type = Map<uint64_t, uint64_t, FewHashes>;
  static uint64_t key(uint64_t n) { return n; }
  static uint64_t value(uint64_t n) { return n * 3; }
};

template <class Kind>
class MapOf : public testing::Test {
 protected:
  typename Kind::Type map_;
};
using Kinds = testing::Types<Words, Strings, Colliding, CollidingWords>;
TYPED_TEST_SUITE(MapOf, Kinds);

constexpr uint64_t n = 300;

TYPED_TEST(MapOf, EmptyOneHasNothing) {
  EXPECT_FALSE(this->map_.load(TypeParam::key(1)));
  EXPECT_FALSE(this->map_.contains(TypeParam::key(1)));
  EXPECT_FALSE(this->map_.erase(TypeParam::key(1)));
  EXPECT_FALSE(this->map_.load_and_erase(TypeParam::key(1)));
  EXPECT_TRUE(this->map_.empty());
  this->map_.for_each([](auto&, auto&) { FAIL(); });
  this->map_.clear();
}

TYPED_TEST(MapOf, LoadsWhatWasStored) {
  for (uint64_t i = 0; i < n; ++i) this->map_.store(TypeParam::key(i), TypeParam::value(i));
  for (uint64_t i = 0; i < n; ++i)
    EXPECT_EQ(this->map_.load(TypeParam::key(i)), TypeParam::value(i));
  EXPECT_FALSE(this->map_.load(TypeParam::key(n)));
  EXPECT_EQ(this->map_.size(), n);
}

TYPED_TEST(MapOf, StoreReplaces) {
  for (uint64_t round = 0; round < 3; ++round)
    for (uint64_t i = 0; i < n; ++i)
      this->map_.store(TypeParam::key(i), TypeParam::value(i + round));
  for (uint64_t i = 0; i < n; ++i)
    EXPECT_EQ(this->map_.load(TypeParam::key(i)), TypeParam::value(i + 2));
  EXPECT_EQ(this->map_.size(), n);
}

TYPED_TEST(MapOf, LoadOrStoreStoresOnce) {
  for (uint64_t i = 0; i < n; ++i) {
    auto first = this->map_.load_or_store(TypeParam::key(i), TypeParam::value(i));
    EXPECT_FALSE(first.loaded);
    EXPECT_EQ(first.value, TypeParam::value(i));
    auto second = this->map_.load_or_store(TypeParam::key(i), TypeParam::value(i + 1));
    EXPECT_TRUE(second.loaded);
    EXPECT_EQ(second.value, TypeParam::value(i));
  }
}

TYPED_TEST(MapOf, SwapGivesTheValueBefore) {
  for (uint64_t i = 0; i < n; ++i) {
    EXPECT_FALSE(this->map_.swap(TypeParam::key(i), TypeParam::value(i)));
    EXPECT_EQ(this->map_.swap(TypeParam::key(i), TypeParam::value(i + 1)), TypeParam::value(i));
    EXPECT_EQ(this->map_.load(TypeParam::key(i)), TypeParam::value(i + 1));
  }
}

TYPED_TEST(MapOf, CompareAndSwapNeedsTheKeyAndTheValue) {
  for (uint64_t i = 0; i < n; ++i) {
    auto key = TypeParam::key(i);
    EXPECT_FALSE(this->map_.compare_and_swap(key, TypeParam::value(i), TypeParam::value(i + 1)));
    this->map_.store(key, TypeParam::value(i));
    EXPECT_FALSE(this->map_.compare_and_swap(key, TypeParam::value(i + 5), TypeParam::value(0)));
    EXPECT_TRUE(this->map_.compare_and_swap(key, TypeParam::value(i), TypeParam::value(i + 1)));
    EXPECT_FALSE(this->map_.compare_and_swap(key, TypeParam::value(i), TypeParam::value(i + 1)));
    EXPECT_EQ(this->map_.load(key), TypeParam::value(i + 1));
  }
}

TYPED_TEST(MapOf, CompareAndEraseNeedsTheKeyAndTheValue) {
  for (uint64_t i = 0; i < n; ++i) {
    auto key = TypeParam::key(i);
    EXPECT_FALSE(this->map_.compare_and_erase(key, TypeParam::value(i)));
    this->map_.store(key, TypeParam::value(i));
    EXPECT_FALSE(this->map_.compare_and_erase(key, TypeParam::value(i + 1)));
    EXPECT_TRUE(this->map_.compare_and_erase(key, TypeParam::value(i)));
    EXPECT_FALSE(this->map_.load(key));
  }
}

TYPED_TEST(MapOf, ErasedKeysAreGoneAndOthersStay) {
  for (uint64_t i = 0; i < n; ++i) this->map_.store(TypeParam::key(i), TypeParam::value(i));
  for (uint64_t i = 0; i < n; i += 2)
    EXPECT_EQ(this->map_.load_and_erase(TypeParam::key(i)), TypeParam::value(i));
  for (uint64_t i = 0; i < n; ++i) EXPECT_EQ(this->map_.contains(TypeParam::key(i)), i % 2 == 1);
  EXPECT_EQ(this->map_.size(), n / 2);
}

TYPED_TEST(MapOf, KeysMayComeAndGoForLong) {
  const uint64_t window = 20;
  for (uint64_t i = 0; i < 20 * n; ++i) {
    this->map_.store(TypeParam::key(i), TypeParam::value(i));
    if (i >= window) {
      EXPECT_TRUE(this->map_.erase(TypeParam::key(i - window)));
    }
  }
  EXPECT_EQ(this->map_.size(), window);
}

TYPED_TEST(MapOf, ClearLeavesNothing) {
  for (uint64_t i = 0; i < n; ++i) this->map_.store(TypeParam::key(i), TypeParam::value(i));
  this->map_.clear();
  EXPECT_TRUE(this->map_.empty());
  for (uint64_t i = 0; i < n; ++i) EXPECT_FALSE(this->map_.contains(TypeParam::key(i)));
  this->map_.store(TypeParam::key(1), TypeParam::value(1));
  EXPECT_EQ(this->map_.size(), 1u);
}

TYPED_TEST(MapOf, ForEachVisitsAllOnce) {
  using Key = decltype(TypeParam::key(0));
  std::set<Key> expected, seen;
  for (uint64_t i = 0; i < n; ++i) {
    this->map_.store(TypeParam::key(i), TypeParam::value(i));
    expected.insert(TypeParam::key(i));
  }
  this->map_.for_each([&](const auto& key, const auto& value) {
    EXPECT_TRUE(seen.insert(key).second);
    EXPECT_EQ(this->map_.load(key), value);
  });
  EXPECT_EQ(seen, expected);
}

TYPED_TEST(MapOf, ForEachStopsWhenTold) {
  for (uint64_t i = 0; i < n; ++i) this->map_.store(TypeParam::key(i), TypeParam::value(i));
  int calls = 0;
  this->map_.for_each([&](auto&, auto&) { return ++calls < 5; });
  EXPECT_EQ(calls, 5);
}

// Go's TestMapRangeNestedCall.
TYPED_TEST(MapOf, ForEachMayChangeTheMap) {
  for (uint64_t i = 0; i < n; ++i) this->map_.store(TypeParam::key(i), TypeParam::value(i));
  uint64_t visits = 0;
  this->map_.for_each([&](const auto& key, auto&) {
    ++visits;
    this->map_.erase(key);
    this->map_.for_each([&](const auto& other, auto&) { return other != key; });
  });
  EXPECT_EQ(visits, n);
  EXPECT_TRUE(this->map_.empty());
}

// What is there all the time is visited once, though the table grows and shrinks under way.
TYPED_TEST(MapOf, ForEachSurvivesRebuilding) {
  for (uint64_t i = 0; i < n; ++i) this->map_.store(TypeParam::key(i), TypeParam::value(i));
  std::multiset<decltype(TypeParam::key(0))> seen;
  uint64_t next = n;
  this->map_.for_each([&](const auto& key, auto&) {
    seen.insert(key);
    if (next < 8 * n)
      for (int k = 0; k < 7; ++k, ++next)
        this->map_.store(TypeParam::key(next), TypeParam::value(0));
  });
  for (uint64_t i = 0; i < n; ++i) EXPECT_EQ(seen.count(TypeParam::key(i)), 1u);
  for (const auto& key : seen) EXPECT_EQ(seen.count(key), 1u);
}

// The same random operations on a std::map give the same answers.
TYPED_TEST(MapOf, MatchesTheStandardMap) {
  using Key = decltype(TypeParam::key(0));
  using Value = decltype(TypeParam::value(0));
  std::map<Key, Value> model;
  std::minstd_rand random(5);
  for (int step = 0; step < 20'000; ++step) {
    Key key = TypeParam::key(random() % 80);
    Value value = TypeParam::value(random() % 4);
    auto found = model.find(key);
    switch (random() % 6) {
      case 0:
        this->map_.store(key, value);
        model[key] = value;
        break;
      case 1:
        EXPECT_EQ(this->map_.erase(key), model.erase(key) == 1);
        break;
      case 2: {
        auto loaded = this->map_.load_or_store(key, value);
        EXPECT_EQ(loaded.loaded, found != model.end());
        EXPECT_EQ(loaded.value, model.emplace(key, value).first->second);
        break;
      }
      case 3: {
        Value other = TypeParam::value(random() % 4);
        bool expected = found != model.end() && found->second == value;
        EXPECT_EQ(this->map_.compare_and_swap(key, value, other), expected);
        if (expected) found->second = other;
        break;
      }
      case 4: {
        bool expected = found != model.end() && found->second == value;
        EXPECT_EQ(this->map_.compare_and_erase(key, value), expected);
        if (expected) model.erase(found);
        break;
      }
      default: {
        auto got = this->map_.load(key);
        ASSERT_EQ(got.has_value(), found != model.end());
        if (got) {
          EXPECT_EQ(*got, found->second);
        }
      }
    }
    EXPECT_EQ(this->map_.size(), model.size());
  }
}

TEST(Map, TakesTheKeysThatTheTableReserves) {
  using Layout = internal::InlineLayout<uint64_t, int>;
  Map<uint64_t, int> map;
  const uint64_t reserved[] = {Layout::twist, Layout::twist ^ 1};
  for (uint64_t key : reserved) {
    EXPECT_FALSE(map.contains(key));
    map.store(key, 1);
    EXPECT_FALSE(map.load_or_store(key ^ 2, 5).loaded);
    EXPECT_EQ(map.load(key), 1);
    EXPECT_TRUE(map.compare_and_swap(key, 1, 2));
    EXPECT_EQ(map.swap(key, 3), 2);
  }
  EXPECT_EQ(map.size(), 4u);
  std::set<uint64_t> seen;
  map.for_each([&](uint64_t key, int) { EXPECT_TRUE(seen.insert(key).second); });
  EXPECT_EQ(seen.size(), 4u);
  for (uint64_t key : reserved) {
    EXPECT_TRUE(map.erase(key));
    EXPECT_FALSE(map.contains(key));
  }
  map.store(reserved[0], 9);
  map.clear();
  EXPECT_FALSE(map.contains(reserved[0]));
}

TEST(Map, FindsStringsByView) {
  Map<std::string, int> map;
  map.store("key", 1);
  EXPECT_EQ(map.load(std::string_view("key")), 1);
  EXPECT_EQ(map.load("key"), 1);
}

TEST(Map, VisitCopiesNothing) {
  Map<int, std::shared_ptr<int>> map;
  auto held = std::make_shared<int>(4);
  map.store(1, held);
  long uses = 0;
  EXPECT_TRUE(map.visit(1, [&](const std::shared_ptr<int>& value) { uses = value.use_count(); }));
  EXPECT_EQ(uses, 2);
  EXPECT_FALSE(map.visit(2, [](auto&) { FAIL(); }));
}

TEST(Map, SmallValuesOfAnyKindLiveInTheTable) {
  struct Small {
    short a;
    char b;
    bool operator==(const Small&) const = default;
  };
  Map<short, Small> map;
  for (short i = -50; i < 50; ++i) map.store(i, {i, 'x'});
  for (short i = -50; i < 50; ++i) EXPECT_EQ(map.load(i)->a, i);
  EXPECT_TRUE(map.compare_and_swap(3, {3, 'x'}, {4, 'y'}));
  EXPECT_EQ(map.load(3)->b, 'y');
}

TEST(Map, DestructorFreesTheEntries) {
  auto held = std::make_shared<int>(1);
  {
    Map<std::string, std::shared_ptr<int>> map;
    for (int i = 0; i < 100; ++i) map.store(std::to_string(i), held);
    EXPECT_EQ(held.use_count(), 101);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Map, KeyThatCannotBeCopiedIsNotCounted) {
  struct Key {
    explicit Key(int number) : number(number) {}
    Key(const Key& other) : number(other.number) {
      if (number < 0) throw std::runtime_error("no copy");
    }
    bool operator==(const Key&) const = default;
    int number;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return size_t(key.number); }
  };
  Map<Key, int, KeyHash> map;
  for (int i = 0; i < 100; ++i) EXPECT_THROW(map.store(Key(-1), i), std::runtime_error);
  EXPECT_TRUE(map.empty());
  EXPECT_FALSE(map.contains(Key(-1)));
  map.store(Key(1), 1);
  EXPECT_EQ(map.size(), 1u);
}

}  // namespace
}  // namespace sluice::sync
