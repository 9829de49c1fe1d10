// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/runtime/proc_local.h"
#include "sluice/sync/internal/map_shard.h"

namespace sluice::sync {

// Map's default hash: std::hash, and strings of all kinds hash alike, so that a std::string key is
// found by a std::string_view.
template <class K>
struct MapHash {
  size_t operator()(const K& key) const { return std::hash<K>{}(key); }
};
template <class K>
  requires std::convertible_to<const K&, std::string_view>
struct MapHash<K> {
  size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
};

// A hash map that any number of goroutines and threads read and change at once.
//
// Reads are wait-free: no lock, no atomic write, one cache miss where key and value are machine
// words (both are then held in the table itself), two otherwise. Writes lock one of 16 parts.
// (A thread that is no goroutine shares a lock with its like, for some nanoseconds.)
// When to choose which; ratios of CPU time per operation to Map's, 99 % reads of words (README.md):
//                                        1,000 keys P=1   1,000,000 keys P=1   P=2
//  - Map: many read, some write,
//    each operation on one key                  1                 1             1
//  - Guarded<unordered_map>: operations on
//    several keys at once, values changed
//    in place; few processors read             0.65              1.4           1.5
//  - unordered_map: one goroutine, or
//    nobody changes it any more                0.45              1.4            -
//  - Go's sync.Map, for comparison             2.5               7             -
// K and V are copied out under a pin: their copying and comparing must not wait. Hash is stateless
// and must not throw. Values are replaced, never changed in place.
// Ordering: a store happens before a load that sees its value. All operations on one key have one
// order; size() and for_each() see different keys at different moments.
// Memory: what is replaced or erased is freed after all who may be reading it are through
// (runtime/epoch.h), on any thread. The destructor must not overlap other calls.
// Source: the operations are those of Go's sync.Map.
template <class K, class V, class Hash = MapHash<K>>
class Map {
 public:
  Map() = default;
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;

  // A copy of the key's value. `Q` is K, or what compares with K and hashes alike.
  template <class Q = K>
  std::optional<V> load(const Q& key) const {
    std::optional<V> found;
    visit(key, [&](const V& value) { found.emplace(value); });
    return found;
  }
  template <class Q = K>
  bool contains(const Q& key) const {
    return visit(key, [](const V&) {});
  }
  // Calls fn(const V&) for the key's value, without copying it; false if it has none. `fn` runs
  // pinned: it must be short, must not wait and must not use this or another Map.
  template <class Q, class F>
  bool visit(const Q& key, F&& fn) const {
    uint64_t hash = hash_of(key);
    Pin pin;
    typename Shard::Hit hit;
    if (!shard(hash).find(key, hash, hit)) return false;
    fn(hit.value());
    return true;
  }

  // Sets the key's value.
  void store(const K& key, V value) {
    write(key, [&](Shard& shard, Slot* slot, uint64_t hash, Garbage& garbage) {
      put(shard, slot, key, hash, std::move(value), garbage);
    });
  }
  // Sets it and gives the value before.
  std::optional<V> swap(const K& key, V value) {
    return write(key, [&](Shard& shard, Slot* slot, uint64_t hash, Garbage& garbage) {
      std::optional<V> before = value_of(slot);
      put(shard, slot, key, hash, std::move(value), garbage);
      return before;
    });
  }
  struct Loaded {
    V value;
    bool loaded;  // it was there; otherwise it was stored
  };
  // The key's value; sets it first if it has none.
  Loaded load_or_store(const K& key, V value) {
    if (std::optional<V> found = load(key)) return {std::move(*found), true};
    return write(key, [&](Shard& shard, Slot* slot, uint64_t hash, Garbage& garbage) -> Loaded {
      if (slot != nullptr) return {Shard::Layout::value(*slot), true};
      shard.insert(key, hash, value, garbage);
      return {std::move(value), false};
    });
  }
  // Replaces the key's value if it equals `expected`.
  bool compare_and_swap(const K& key, const V& expected, V value) {
    return write(key, [&](Shard& shard, Slot* slot, uint64_t hash, Garbage& garbage) {
      if (slot == nullptr || !(Shard::Layout::value(*slot) == expected)) return false;
      shard.assign(*slot, key, hash, std::move(value), garbage);
      return true;
    });
  }
  // Erases the key if its value equals `expected`.
  bool compare_and_erase(const K& key, const V& expected) {
    return write(key, [&](Shard& shard, Slot* slot, uint64_t, Garbage& garbage) {
      if (slot == nullptr || !(Shard::Layout::value(*slot) == expected)) return false;
      shard.erase(*slot, garbage);
      return true;
    });
  }
  // False: it was not there.
  bool erase(const K& key) {
    return write(key, [&](Shard& shard, Slot* slot, uint64_t, Garbage& garbage) {
      if (slot != nullptr) shard.erase(*slot, garbage);
      return slot != nullptr;
    });
  }
  // Erases the key and gives its value.
  std::optional<V> load_and_erase(const K& key) {
    return write(key, [&](Shard& shard, Slot* slot, uint64_t, Garbage& garbage) {
      std::optional<V> before = value_of(slot);
      if (slot != nullptr) shard.erase(*slot, garbage);
      return before;
    });
  }
  void clear();

  // Calls fn(const K&, const V&) for every entry, without a lock: `fn` may wait and may use this
  // Map. It returns nothing, or false to stop. A key that is there all the time comes exactly once,
  // one that comes or goes meanwhile at most once, with a value that it had at some moment of the
  // call.
  template <class F>
  void for_each(F&& fn) const;

  // The number of entries; exact when nobody writes.
  size_t size() const {
    size_t sum = 0;
    for (const Shard& shard : shards_) sum += shard.size();
    return sum;
  }
  bool empty() const { return size() == 0; }

 private:
  using Shard = internal::MapShard<K, V, Hash>;
  using Slot = typename Shard::Slot;
  using Garbage = typename Shard::Garbage;

  struct Pin {
    Pin() { runtime::pin(); }
    ~Pin() { runtime::unpin(); }
  };

  template <class Q>
  static uint64_t hash_of(const Q& key) {
    return internal::mix(Hash{}(key));
  }
  Shard& shard(uint64_t hash) { return shards_[hash >> (64 - Shard::shard_bits)]; }
  const Shard& shard(uint64_t hash) const { return shards_[hash >> (64 - Shard::shard_bits)]; }
  static std::optional<V> value_of(const Slot* slot) {
    if (slot == nullptr) return std::nullopt;
    return Shard::Layout::value(*slot);
  }
  static void put(Shard& shard, Slot* slot, const K& key, uint64_t hash, V&& value,
                  Garbage& garbage) {
    if (slot == nullptr)
      shard.insert(key, hash, std::move(value), garbage);
    else
      shard.assign(*slot, key, hash, std::move(value), garbage);
  }
  // Calls fn(shard, slot or null, hash, garbage) with the key's shard locked.
  template <class F>
  auto write(const K& key, F&& fn) {
    uint64_t hash = hash_of(key);
    Shard& shard = this->shard(hash);
    struct Disposal {
      Garbage garbage;
      ~Disposal() { garbage.retire(); }
    } disposal;  // before the lock: it goes after the unlock
    std::lock_guard lock(shard.mutex);
    return fn(shard, shard.slot_of(key, hash), hash, disposal.garbage);
  }

  std::array<Shard, size_t(1) << Shard::shard_bits> shards_;
};

template <class K, class V, class Hash>
void Map<K, V, Hash>::clear() {
  for (Shard& shard : shards_) {
    Garbage garbage;
    {
      std::lock_guard lock(shard.mutex);
      shard.clear(garbage);
    }
    garbage.retire();
  }
}

template <class K, class V, class Hash>
template <class F>
void Map<K, V, Hash>::for_each(F&& fn) const {
  struct Copy {
    uint64_t hash;
    K key;
    V value;
  };
  std::vector<Copy> copies;
  for (const Shard& shard : shards_) {
    uint64_t position = 0;
    do {
      copies.clear();
      {
        Pin pin;
        position = shard.scan(position, [&](uint64_t hash, const K& key, const V& value) {
          for (const Copy& copy : copies)
            if (copy.hash == hash && copy.key == key) return;
          copies.push_back({hash, key, value});
        });
      }
      for (const Copy& copy : copies) {
        if constexpr (std::is_convertible_v<decltype(fn(copy.key, copy.value)), bool>) {
          if (!fn(copy.key, copy.value)) return;
        } else {
          fn(copy.key, copy.value);
        }
      }
    } while (position != 0);
  }
}

}  // namespace sluice::sync
