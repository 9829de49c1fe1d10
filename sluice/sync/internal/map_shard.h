// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "sluice/runtime/epoch.h"
#include "sluice/sync/internal/map_layout.h"
#include "sluice/sync/internal/map_table.h"
#include "sluice/sync/mutex.h"

namespace sluice::sync::internal {

// A part of a Map: an open-addressed table with linear probing, one writer at a time, any number of
// readers who take no lock.
//
// Readers run pinned (runtime/proc_local.h): they load the table's word and probe. The writer
// changes slots by single release stores, and replaces the table when it is full. What he unlinks
// is retired, so it outlives every reader who may have seen it. A read in a table that is being
// replaced happens at the moment in which it loaded the word.
// An entry's position is its hash without the bits that chose the shard; but for collisions the
// slots are in the order of positions, which is what lets an iteration go on in the next table.
template <class K, class V, class Hash>
class alignas(64) MapShard {
 public:
  using Layout = MapLayout<K, V>;
  using Slot = typename Layout::Slot;
  using Entry = typename Layout::Entry;
  using Hit = typename Layout::Hit;

  static constexpr uint32_t shard_bits = 4;

  // What a writer unlinked. retire() it without the lock: destructors of users may run.
  struct Garbage {
    Entry* entry = nullptr;
    std::vector<Entry*> entries;
    std::vector<void*> tables;

    void retire() {
      if (entry != nullptr) runtime::retire(entry, &destroy);
      for (Entry* each : entries) runtime::retire(each, &destroy);
      for (void* table : tables) runtime::retire(table, &MapTable::free);
    }
    static void destroy(void* entry) { Layout::destroy(static_cast<Entry*>(entry)); }
  };

  MapShard() = default;
  ~MapShard() {
    MapTable table = current();
    each_live(table, [](Slot& slot) { Layout::destroy(Layout::entry(slot)); });
    if (table) MapTable::free(table.slots<Slot>());
  }

  // For readers, pinned.
  template <class Q>
  bool find(const Q& key, uint64_t hash, Hit& hit) const {
    // Acquire pairs with the release in rebuild(): the slots are there.
    MapTable table(table_.load(std::memory_order_acquire));
    if constexpr (Layout::has_reserved) {
      if (Layout::reserved(key)) [[unlikely]]
        return Layout::see_reserved(side_[Layout::key_word(key)], hit);
    }
    if (!table) return false;
    const Slot* slot = table.slots<Slot>() + table.home(hash << shard_bits);
    for (;; ++slot) {
      Look look = Layout::look(*slot, key, hash, hit);
      if (look == Look::hit) return true;
      if (look == Look::empty) return false;
    }
  }

  // Calls fn(hash, key, value) for some dozens of entries from `position` up, and returns where to
  // go on; 0: that was all. Pinned. A key that is erased and stored again meanwhile may come twice.
  template <class F>
  uint64_t scan(uint64_t position, F&& fn) const;

  size_t size() const { return live_.load(std::memory_order_relaxed); }

  // For writers, who hold this.
  Mutex mutex;

  // Null: the key is not there.
  Slot* slot_of(const K& key, uint64_t hash) {
    if constexpr (Layout::has_reserved) {
      if (Layout::reserved(key)) {
        Slot& slot = side_[Layout::key_word(key)];
        return Layout::live(slot) ? &slot : nullptr;
      }
    }
    MapTable table = current();
    if (!table) return nullptr;
    Slot* slot = table.slots<Slot>() + table.home(hash << shard_bits);
    Hit unused;
    for (;; ++slot) {
      Look look = Layout::look(*slot, key, hash, unused);
      if (look == Look::hit) return slot;
      if (look == Look::empty) return nullptr;
    }
  }
  // The key is not there.
  template <class U>
  void insert(const K& key, uint64_t hash, U&& value, Garbage& garbage) {
    if constexpr (Layout::has_reserved) {
      if (Layout::reserved(key)) {
        Layout::insert_reserved(side_[Layout::key_word(key)], side_lives_++,
                                std::forward<U>(value));
        return add_live(1);
      }
    }
    Layout::insert(room_for(hash, garbage), key, hash, std::forward<U>(value));
    // Counted when it is there: copying the key may throw.
    ++used_;
    add_live(1);
  }
  template <class U>
  void assign(Slot& slot, const K& key, uint64_t hash, U&& value, Garbage& garbage) {
    garbage.entry = Layout::assign(slot, key, hash, std::forward<U>(value));
  }
  void erase(Slot& slot, Garbage& garbage) {
    garbage.entry = Layout::erase(slot);
    add_live(size_t(-1));
  }
  void clear(Garbage& garbage);

 private:
  static constexpr uint32_t log2_min = 3;
  static constexpr size_t tail_min = 16;
  static constexpr size_t homes_per_scan = 64;

  MapTable current() const { return MapTable(table_.load(std::memory_order_relaxed)); }
  // Relaxed: written under the mutex, and only size() reads it without.
  void add_live(size_t delta) {
    live_.store(live_.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
  }
  template <class F>
  void each_live(MapTable table, F&& fn) {
    if (!table) return;
    Slot* slots = table.slots<Slot>();
    for (size_t i = 0; i < table.homes() + tail_; ++i)
      if (Layout::live(slots[i])) fn(slots[i]);
  }
  static uint64_t hash_of(const typename Layout::Seen& seen) {
    if constexpr (requires { seen.entry->hash; }) {
      return seen.entry->hash;
    } else {
      return mix(Hash{}(seen.key()));
    }
  }
  // Null: the slots from the position's home up to the end are taken.
  static Slot* free_slot(MapTable table, size_t tail, uint64_t position) {
    Slot* slots = table.slots<Slot>();
    for (size_t i = table.home(position); i < table.homes() + tail; ++i)
      if (Layout::empty(slots[i])) return &slots[i];
    return nullptr;
  }
  // An empty slot, which is counted in used_ when it is filled.
  Slot& room_for(uint64_t hash, Garbage& garbage);
  void rebuild(size_t tail, Garbage& garbage);

  std::atomic<uintptr_t> table_{0};  // a MapTable; written under mutex
  std::atomic<size_t> live_{0};      // entries
  size_t used_ = 0;                  // guarded by mutex: slots of the table that are not empty
  size_t tail_ = tail_min;           // guarded by mutex: slots behind the table's homes
  uint64_t side_lives_ = 0;          // guarded by mutex: entries that side_ has had
  Slot side_[2];                     // the entries of the two reserved keys, where there are such
};

template <class K, class V, class Hash>
typename MapShard<K, V, Hash>::Slot& MapShard<K, V, Hash>::room_for(uint64_t hash,
                                                                    Garbage& garbage) {
  for (;;) {
    MapTable table = current();
    // 5/8: beyond it, linear probes grow long quickly.
    bool sparse = table && (used_ + 1) * 8 <= table.homes() * 5;
    Slot* slot = sparse ? free_slot(table, tail_, hash << shard_bits) : nullptr;
    if (slot != nullptr) return *slot;
    // Where there is room and yet no slot, hashes are bad: more homes might never help.
    rebuild(sparse ? 2 * tail_ : tail_, garbage);
  }
}

// Replaces the table by one without erased slots, of which the live entries fill at most half.
template <class K, class V, class Hash>
void MapShard<K, V, Hash>::rebuild(size_t tail, Garbage& garbage) {
  MapTable old = current();
  size_t live = 0;
  each_live(old, [&](Slot&) { ++live; });
  uint32_t log2 = log2_min;
  while ((size_t(1) << log2) < 2 * (live + 1)) ++log2;
  for (;; tail *= 2) {
    MapTable next = MapTable::make(log2, tail, sizeof(Slot));
    bool fits = true;
    each_live(old, [&](Slot& slot) {
      typename Layout::Seen seen;
      Layout::see(slot, seen);
      Slot* to = fits ? free_slot(next, tail, hash_of(seen) << shard_bits) : nullptr;
      fits = to != nullptr;
      if (fits) Layout::copy(*to, slot);
    });
    if (fits) {
      used_ = live;
      tail_ = tail;
      if (old) garbage.tables.push_back(old.slots<Slot>());
      table_.store(next.word(), std::memory_order_release);
      return;
    }
    MapTable::free(next.slots<Slot>());
  }
}

template <class K, class V, class Hash>
void MapShard<K, V, Hash>::clear(Garbage& garbage) {
  MapTable old = current();
  if constexpr (Layout::has_reserved)
    for (Slot& slot : side_) slot.key.store(0, std::memory_order_release);
  table_.store(0, std::memory_order_release);
  live_.store(0, std::memory_order_relaxed);
  used_ = 0;
  if (!old) return;
  garbage.tables.push_back(old.slots<Slot>());
  each_live(old, [&](Slot& slot) {
    if (Entry* entry = Layout::entry(slot)) garbage.entries.push_back(entry);
  });
}

template <class K, class V, class Hash>
template <class F>
uint64_t MapShard<K, V, Hash>::scan(uint64_t position, F&& fn) const {
  if constexpr (Layout::has_reserved) {
    if (position == 0)
      for (uint64_t word : {0, 1}) {
        Hit hit;
        if (Layout::see_reserved(side_[word], hit))
          fn(word, from_word<K>(word ^ Layout::twist), hit.value());
      }
  }
  MapTable table(table_.load(std::memory_order_acquire));
  if (!table) return 0;
  size_t first = table.home(position);
  size_t end = std::min(first + homes_per_scan, table.homes());
  const Slot* slots = table.slots<Slot>();
  // Entries of these homes end at the first empty slot behind them.
  for (size_t i = first; i < end || !Layout::empty(slots[i]); ++i) {
    typename Layout::Seen seen;
    if (!Layout::see(slots[i], seen)) continue;
    uint64_t hash = hash_of(seen);
    uint64_t at = hash << shard_bits;
    if (at >= position && table.home(at) < end) fn(hash, seen.key(), seen.value());
  }
  return end == table.homes() ? 0 : uint64_t(end) << (64 - table.log2());
}

}  // namespace sluice::sync::internal
