// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <optional>
#include <unordered_map>

#include "bench/micro/harness.h"
#include "sluice/sync/guarded.h"
#include "sluice/sync/map.h"

namespace bench {
namespace {

// What Go and tokio users would write with a lock.
class Locked {
 public:
  std::optional<uint64_t> load(uint64_t key) const {
    auto table = table_.read();
    auto found = table->find(key);
    if (found == table->end()) return std::nullopt;
    return found->second;
  }
  void store(uint64_t key, uint64_t value) { table_.lock()->insert_or_assign(key, value); }

 private:
  sluice::sync::Guarded<std::unordered_map<uint64_t, uint64_t>> table_;
};

// Reads or overwrites uniformly random present keys on P goroutines.
template <class Table>
Samples access(std::string_view name, Table& table, uint64_t keys, uint64_t writes) {
  int64_t each = scaled(2'000'000) / procs();
  return parallel(name, procs(), each * procs(), [&](int id) {
    Random random(uint64_t(id) + 1);
    for (int64_t i = 0; i < each; ++i) {
      uint64_t x = random.next();
      uint64_t key = (x >> 20) % keys;
      if ((x & 0xfffff) % 100 < writes)
        table.store(key, key);
      else
        SLUICE_ASSERT(table.load(key) == key);
    }
  });
}

template <class Table>
void add(Workloads& all, std::string name, uint64_t keys, uint64_t writes) {
  all.push_back({name, [=, table = std::shared_ptr<Table>()]() mutable {
                   if (table == nullptr) {
                     table = std::make_shared<Table>();
                     for (uint64_t key = 0; key < keys; ++key) table->store(key, key);
                   }
                   return access(name, *table, keys, writes);
                 }});
}

}  // namespace

void register_maps(Workloads& all) {
  for (uint64_t keys : {1'000'000, 1'000}) {
    for (uint64_t writes : {1, 10}) {
      std::string name =
          "map_read" + std::to_string(100 - writes) + (keys == 1'000 ? "_small" : "");
      add<sluice::sync::Map<uint64_t, uint64_t>>(all, name + "@map", keys, writes);
      add<Locked>(all, name + "@guarded", keys, writes);
    }
  }
}

}  // namespace bench
