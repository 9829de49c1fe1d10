// SPDX-License-Identifier: Apache-2.0

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/map.h"
#include "sluice/sync/wait_group.h"

namespace sluice::sync {
namespace {

class MapStress : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{{.max_procs = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Procs, MapStress, testing::Values(1, 2, 4));

// Each value names its key, so a reader that got another key's value, or a freed one, would see it.
TEST_P(MapStress, ReadersSeeOnlyTheirKeysValues) {
  runtime_.block_on([] {
    Map<uint64_t, uint64_t> words;
    Map<std::string, std::string> strings;
    std::atomic<bool> stop{false};
    constexpr uint64_t keys = 200;
    WaitGroup readers, writers;
    for (int g = 0; g < 3; ++g)
      readers.go([&] {
        while (!stop)
          for (uint64_t i = 0; i < keys; ++i) {
            if (auto value = words.load(i)) {
              EXPECT_EQ(*value % keys, i);
            }
            std::string key = std::to_string(i);
            if (auto value = strings.load(key)) {
              EXPECT_EQ(value->substr(0, value->find('.')), key);
            }
            if (i % 50 == 0) yield();
          }
      });
    for (uint64_t g = 0; g < 2; ++g)
      writers.go([&, g] {
        for (uint64_t i = 0; i < 6'000; ++i) {
          uint64_t at = i * 7 % keys;
          std::string key = std::to_string(at);
          if (i % 5 == 4) {
            words.erase(at);
            strings.erase(key);
          } else {
            words.store(at, at + keys * i);
            strings.store(key, key + "." + std::to_string(g));
          }
          if (i % 64 == 0) yield();
        }
      });
    writers.wait();
    stop = true;
    readers.wait();
  });
}

TEST_P(MapStress, OfManyLoadOrStoresOneStores) {
  runtime_.block_on([] {
    Map<std::string, int> map;
    std::atomic<int> stored{0};
    WaitGroup group;
    for (int g = 0; g < 8; ++g)
      group.go([&, g] {
        for (int i = 0; i < 300; ++i) {
          auto loaded = map.load_or_store(std::to_string(i), g);
          if (!loaded.loaded) ++stored;
          EXPECT_EQ(map.load(std::to_string(i)), loaded.value);
        }
      });
    group.wait();
    EXPECT_EQ(stored, 300);
  });
}

TEST_P(MapStress, OfManyErasesOneErases) {
  runtime_.block_on([] {
    Map<int, int> map;
    for (int i = 0; i < 500; ++i) map.store(i, i);
    std::atomic<int> erased{0};
    WaitGroup group;
    for (int g = 0; g < 6; ++g)
      group.go([&] {
        for (int i = 0; i < 500; ++i)
          if (map.compare_and_erase(i, i)) ++erased;
      });
    group.wait();
    EXPECT_EQ(erased, 500);
    EXPECT_TRUE(map.empty());
  });
}

TEST_P(MapStress, CompareAndSwapCountsWithoutLoss) {
  runtime_.block_on([] {
    Map<int, int> map;
    map.store(0, 0);
    WaitGroup group;
    for (int g = 0; g < 4; ++g)
      group.go([&] {
        for (int i = 0; i < 500; ++i)
          for (;;) {
            int seen = *map.load(0);
            if (map.compare_and_swap(0, seen, seen + 1)) break;
          }
      });
    group.wait();
    EXPECT_EQ(map.load(0), 2000);
  });
}

// Go's TestConcurrentRange.
TEST_P(MapStress, ForEachSeesEveryKeyOnceWhileValuesChange) {
  runtime_.block_on([] {
    constexpr int64_t keys = 400;
    Map<int64_t, int64_t> map;
    for (int64_t key = 1; key <= keys; ++key) map.store(key, key);
    std::atomic<bool> stop{false};
    WaitGroup writers;
    for (int64_t g = 1; g <= 2; ++g)
      writers.go([&, g] {
        for (int64_t i = 1; !stop; ++i)
          for (int64_t key = 1; key <= keys; ++key) {
            map.store(key, key * i * g);
            map.store(keys + key * i, 0);  // makes it grow
            map.erase(keys + key * i);
            if (key % 50 == 0) yield();
          }
      });
    for (int round = 0; round < 20; ++round) {
      std::vector<int> seen(keys + 1, 0);
      map.for_each([&](int64_t key, int64_t value) {
        if (key > keys) return;
        EXPECT_EQ(value % key, 0);
        ++seen[key];
      });
      for (int64_t key = 1; key <= keys; ++key) EXPECT_EQ(seen[key], 1);
      yield();
    }
    stop = true;
    writers.wait();
  });
}

// Go's TestConcurrentClear.
TEST_P(MapStress, ClearRacesWithEverything) {
  runtime_.block_on([] {
    Map<std::string, int> map;
    WaitGroup group;
    for (int g = 0; g < 4; ++g)
      group.go([&, g] {
        for (int i = 0; i < 300; ++i) {
          std::string key = std::to_string(i % 40);
          map.store(key, i);
          map.load(key);
          if (g == 0 && i % 10 == 0) map.clear();
          if (i % 32 == 0) map.for_each([](auto&, auto&) {});
        }
      });
    group.wait();
    map.clear();
    EXPECT_TRUE(map.empty());
  });
}

TEST_P(MapStress, ThreadsTakePart) {
  Map<int, std::string> map;
  auto use = [&] {
    for (int i = 0; i < 2000; ++i) {
      map.store(i % 100, std::to_string(i % 100));
      auto value = map.load((i + 1) % 100);
      if (value) {
        EXPECT_EQ(*value, std::to_string((i + 1) % 100));
      }
    }
  };
  std::thread thread(use);
  runtime_.block_on([&] {
    WaitGroup group;
    for (int g = 0; g < 3; ++g) group.go(use);
    group.wait();
  });
  thread.join();
}

TEST(MapWithoutRuntime, WorksInAPlainProgram) {
  Map<int, int> map;
  for (int i = 0; i < 1000; ++i) map.store(i, i);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(map.load(i), i);
}

// Objects that live as long as somebody uses them, found by key: who asks twice while he holds one
// gets the same, whoever replaces the dead one meanwhile.
struct WeakNumber {
  std::weak_ptr<int> pointer;
  bool operator==(const WeakNumber& other) const {
    return !pointer.owner_before(other.pointer) && !other.pointer.owner_before(pointer);
  }
};
TEST_P(MapStress, CacheOfWeakPointersGivesOneObject) {
  runtime_.block_on([] {
    constexpr int keys = 50;
    Map<int, WeakNumber> map;
    auto get = [&](int key) {
      auto fresh = std::make_shared<int>(key);
      for (;;) {
        auto [value, loaded] = map.load_or_store(key, WeakNumber{fresh});
        if (!loaded) return fresh;
        if (std::shared_ptr<int> live = value.pointer.lock()) return live;
        if (map.compare_and_swap(key, value, WeakNumber{fresh})) return fresh;
      }
    };
    WaitGroup group;
    for (int g = 0; g < 8; ++g)
      group.go([&] {
        for (int i = 0; i < 1'000; ++i) {
          std::shared_ptr<int> one = get(i % keys);
          if (i % 16 == 0) yield();
          EXPECT_EQ(one, get(i % keys));
          EXPECT_EQ(*one, i % keys);
        }
      });
    group.wait();
    EXPECT_EQ(map.size(), size_t(keys));
  });
}

// The two keys whose words are reserved have slots that are used again. A reader who has seen a
// value and then none must not see that value again: each is stored once. On the shard itself and
// with threads, as it takes many tries to come between two stores.
TEST(MapShardStress, ReservedKeysHaveOneOrderToo) {
  using Shard = internal::MapShard<uint64_t, uint64_t, MapHash<uint64_t>>;
  constexpr uint64_t key = 0x9E3779B97F4A7C15;
  const uint64_t hash = internal::mix(MapHash<uint64_t>{}(key));
  Shard shard;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint64_t i = 1; i <= 5'000'000; ++i) {
      Shard::Garbage none;
      shard.insert(key, hash, i, none);
      shard.erase(*shard.slot_of(key, hash), none);
    }
    stop = true;
  });
  uint64_t last = 0;
  uint64_t returned = 0;
  bool absent = true;
  while (!stop) {
    Shard::Hit hit;
    if (!shard.find(key, hash, hit)) {
      absent = true;
      continue;
    }
    if (absent && hit.word == last) ++returned;
    last = hit.word;
    absent = false;
  }
  writer.join();
  EXPECT_EQ(returned, 0u);
}

}  // namespace
}  // namespace sluice::sync
