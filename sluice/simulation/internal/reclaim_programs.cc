// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <atomic>
#include <memory>
#include <optional>

#include "sluice/runtime/epoch.h"
#include "sluice/simulation/internal/test_programs.h"
#include "sluice/simulation/internal/watched.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/map.h"
#include "sluice/sync/pool.h"
#include "sluice/sync/wait_group.h"

namespace sluice::simulation::internal {

namespace {

void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

// The next retire() comes at the end of a batch (epoch.cc), and frees what was retired.
void fill_batch() {
  static int nothing;
  for (int i = 0; i < 255; ++i) runtime::retire(&nothing, [](void*) {});
}

// All keys collide: they are in one shard, whose table is soon full.
struct SameHash {
  size_t operator()(int) const { return 0; }
};

template <class M>
void look_at_value(const M& map, int& sum) {
  map.visit(1, [&](const Watched& value) {
    int first = value.value();
    std::atomic_ref(sum).fetch_add(first);  // a point, in which it may be replaced
    expect(value.value() == first, "a value changes while it is looked at");
  });
}

// What is looked at is not freed before the look is over.
void map_erase_under_reader() {
  sync::Map<int, Watched> map;
  map.store(1, Watched(1));
  fill_batch();
  int sum = 0;
  sync::WaitGroup group;
  group.go([&] { look_at_value(map, sum); });
  group.go([&] { map.erase(1); });
  group.wait();
  expect(map.size() == 0 && sum <= 1, "an entry too many");
}
void map_replace_under_reader() {
  sync::Map<int, Watched> map;
  map.store(1, Watched(1));
  fill_batch();
  int sum = 0;
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i) group.go([&] { look_at_value(map, sum); });
  group.go([&] { map.store(1, Watched(10)); });
  group.wait();
  expect(sum == 2 || sum == 11 || sum == 20, "a value of another key");
}

// The table is replaced, with and without freeing the old one, while it is read.
void map_rebuilt_under_reader() {
  sync::Map<int, int, SameHash> map;
  for (int i = 1; i <= 4; ++i) map.store(i, i);
  fill_batch();
  sync::WaitGroup group;
  group.go([&] {
    map.store(5, 5);
    map.erase(2);
  });
  group.go([&] {
    std::optional<int> five = map.load(5), four = map.load(4);
    expect(four == 4, "an entry is lost while the table is replaced");
    expect(!five || (five == 5 && map.load(5) == 5), "what was there is gone");
  });
  group.wait();
  expect(map.size() == 4 && !map.contains(2) && map.load(5) == 5, "an entry is lost");
}

// A key whose word is none of the table's lives in a slot that is used again and again.
void map_reserved_key() {
  constexpr uint64_t key = sync::internal::InlineLayout<uint64_t, uint64_t>::twist;
  sync::Map<uint64_t, uint64_t> map;
  map.store(key, 1);
  sync::WaitGroup group;
  group.go([&] {
    map.erase(key);
    map.store(key, 2);
  });
  group.go([&] {
    uint64_t first = map.load(key).value_or(0), second = map.load(key).value_or(3);
    expect(first <= 2 && (second != 1 || first == 1), "a value comes back");
  });
  group.wait();
  expect(map.load(key) == 2, "an entry is lost");
}

void map_cleared_under_reader() {
  sync::Map<int, Watched, SameHash> map;
  for (int i = 1; i <= 2; ++i) map.store(i, Watched(i));
  fill_batch();
  sync::WaitGroup group;
  group.go([&] { map.clear(); });
  group.go([&] {
    int sum = 0;
    map.for_each([&](int key, const Watched& value) {
      expect(key == value.value(), "a value of another key");
      ++sum;
    });
    expect(sum <= 2, "an entry twice");
  });
  group.wait();
  expect(map.size() == 0, "an entry is left");
}

// Who is lent it, has it alone; what is freed is nobody's.
void pool_of_many_aged() {
  std::optional<sync::Pool<Watched>> pool(std::in_place,
                                          [] { return std::make_unique<Watched>(1); });
  sync::WaitGroup group;
  int used[2] = {0, 0};
  for (int& mine : used)
    group.go([&] {
      std::array<sync::Pool<Watched>::Lease, 16> leases;  // more than a processor keeps
      for (auto& each : leases) each = pool->get();
      for (auto& each : leases) mine += each->value();
    });
  group.go([&] { pool->age(); });
  group.wait();
  pool.reset();
  expect(used[0] == 16 && used[1] == 16, "an object that is none");
}

// A pool ends while all pools are aged.
void pool_ends_while_aged() {
  Grave<sync::Pool<Watched>> grave;
  auto& pool = grave.make([] { return std::make_unique<Watched>(1); });
  sync::WaitGroup group;
  group.go([] { sync::age_pools(); });
  group.go([&] {
    expect(pool.get()->value() == 1, "an object that is none");
    grave.bury();
  });
  group.wait();
}

}  // namespace

const std::vector<TestProgram>& reclaim_programs() {
  static const std::vector<TestProgram> programs{
      {"map: erased while it is read", 3, map_erase_under_reader},
      {"map: replaced while it is read", 2, map_replace_under_reader},
      {"map: rebuilt while it is read", 2, map_rebuilt_under_reader},
      {"map: a reserved key", 3, map_reserved_key},
      {"map: cleared while it is read", 2, map_cleared_under_reader},
      {"pool: more than fit, ageing", 2, pool_of_many_aged},
      {"pool: ends while all are aged", 3, pool_ends_while_aged},
  };
  return programs;
}

}  // namespace sluice::simulation::internal
