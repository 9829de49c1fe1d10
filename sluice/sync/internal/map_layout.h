// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace sluice::sync::internal {

// How a Map's table holds its entries; there are two ways, with one interface:
//   Slot                         zero bytes mean empty; a slot's key never changes while it is live
//   look(slot, key, hash, hit)   reader or writer: an end of the probe, another's, or a hit
//   see(slot, seen)              reader: what is in a slot, taken at one moment; false: nothing
//   insert/assign/erase          writer: the shard's lock is held; what they return is garbage
//                                (an Entry to be retired, or null)
// A slot goes empty -> live -> erased and no further: a slot that was used again for another key
// could give a reader, who has compared the key already, that other key's value.

enum class Look : uint8_t { empty, other, hit };

// A key that is compared as a machine word.
template <class K>
concept WordKey = std::integral<K> || std::is_enum_v<K> || std::is_pointer_v<K>;
// A value that is loaded and stored as one.
template <class V>
concept WordValue = std::is_trivially_copyable_v<V> && sizeof(V) <= sizeof(uint64_t);

template <class T>
uint64_t to_word(const T& value) {
  uint64_t word = 0;
  std::memcpy(&word, &value, sizeof(T));
  return word;
}
template <class T>
T from_word(uint64_t word) {
  struct Room {
    alignas(T) unsigned char bytes[sizeof(T)];
  } room;
  std::memcpy(&room, &word, sizeof(T));
  return __builtin_bit_cast(T, room);
}

// Key and value in the slot itself: a read touches one cache line of the table.
template <WordKey K, WordValue V>
struct InlineLayout {
  struct Slot {
    std::atomic<uint64_t> key{0};  // see key_word(); 0 empty, 1 erased
    std::atomic<uint64_t> value{0};
  };
  struct Entry;  // none
  struct Hit {
    uint64_t word;
    V value() const { return from_word<V>(word); }
  };

  static constexpr uint64_t erased = 1;

  // Twisted by a constant so that 0 and 1, common keys, are no reserved words; the two keys that
  // then are live in slots of their own (MapShard::side_).
  static constexpr bool has_reserved = sizeof(K) == sizeof(uint64_t);
  static constexpr uint64_t twist = 0x9E3779B97F4A7C15;
  static uint64_t key_word(const K& key) { return to_word(key) ^ twist; }
  static bool reserved(const K& key) { return has_reserved && key_word(key) <= erased; }

  template <class Q>
  static Look look(const Slot& slot, const Q& key, uint64_t, Hit& hit) {
    // Acquire pairs with insert()'s release: the value is there.
    uint64_t word = slot.key.load(std::memory_order_acquire);
    if (word == key_word(key)) {
      // Acquire pairs with assign()'s release, for values that are pointers.
      hit.word = slot.value.load(std::memory_order_acquire);
      return Look::hit;
    }
    return word == 0 ? Look::empty : Look::other;
  }
  static V value(const Slot& slot) {
    return from_word<V>(slot.value.load(std::memory_order_acquire));
  }
  struct Seen {
    uint64_t key_word;
    uint64_t value_word;
    K key() const { return from_word<K>(key_word ^ twist); }
    V value() const { return from_word<V>(value_word); }
  };
  static bool see(const Slot& slot, Seen& seen) {
    seen.key_word = slot.key.load(std::memory_order_acquire);
    seen.value_word = slot.value.load(std::memory_order_acquire);
    return seen.key_word > erased;
  }
  static bool live(const Slot& slot) { return slot.key.load(std::memory_order_acquire) > erased; }
  static bool empty(const Slot& slot) { return slot.key.load(std::memory_order_acquire) == 0; }

  static void insert(Slot& slot, const K& key, uint64_t, V value) {
    slot.value.store(to_word(value), std::memory_order_relaxed);
    slot.key.store(key_word(key), std::memory_order_release);
  }
  // A reserved key's slot is used again, each time live with another word above erased: who read
  // the value between two equal words read that life's value. Release for both, so that who sees
  // the value sees the end of the life before.
  static void insert_reserved(Slot& slot, uint64_t life, V value) {
    slot.value.store(to_word(value), std::memory_order_release);
    slot.key.store(life + erased + 1, std::memory_order_release);
  }
  // False: the key was not there, at one moment at least.
  static bool see_reserved(const Slot& slot, Hit& hit) {
    uint64_t life = slot.key.load(std::memory_order_acquire);
    if (life <= erased) return false;
    hit.word = slot.value.load(std::memory_order_acquire);
    return slot.key.load(std::memory_order_relaxed) == life;
  }
  static Entry* assign(Slot& slot, const K&, uint64_t, V value) {
    slot.value.store(to_word(value), std::memory_order_release);
    return nullptr;
  }
  static Entry* erase(Slot& slot) {
    slot.key.store(erased, std::memory_order_release);
    return nullptr;
  }
  // To a table that no reader sees yet.
  static void copy(Slot& to, const Slot& from) {
    to.key.store(from.key.load(std::memory_order_relaxed), std::memory_order_relaxed);
    to.value.store(from.value.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  static void destroy(Entry*) {}
  static Entry* entry(const Slot&) { return nullptr; }
};

// A pointer to an immutable entry, with 16 bits of the hash in its unused upper bits, so that other
// keys' entries are hardly ever touched: a read touches a line of the table and the entry.
template <class K, class V>
struct IndirectLayout {
  struct Entry {
    uint64_t hash;
    K key;
    V value;
  };
  struct Slot {
    std::atomic<uint64_t> word{0};  // 0 empty, 1 erased, else tag and pointer
  };
  struct Hit {
    const Entry* entry;
    const V& value() const { return entry->value; }
  };

  static constexpr uint64_t erased = 1;
  static constexpr uint64_t pointer_mask = (uint64_t(1) << 48) - 1;

  // The low bits: the high ones choose shard and slot.
  static uint64_t tag(uint64_t hash) { return hash << 48; }
  static uint64_t word(Entry* entry) {
    return tag(entry->hash) | reinterpret_cast<uint64_t>(entry);
  }
  static Entry* pointer(uint64_t word) { return reinterpret_cast<Entry*>(word & pointer_mask); }

  static constexpr bool has_reserved = false;
  template <class Q>
  static Look look(const Slot& slot, const Q& key, uint64_t hash, Hit& hit) {
    // Acquire pairs with the releases below: the entry is whole.
    uint64_t word = slot.word.load(std::memory_order_acquire);
    if (word == 0) return Look::empty;
    if ((word & ~pointer_mask) != tag(hash) || word == erased) return Look::other;
    const Entry* entry = pointer(word);
    if (!(entry->key == key)) return Look::other;
    hit.entry = entry;
    return Look::hit;
  }
  struct Seen {
    const Entry* entry;
    const K& key() const { return entry->key; }
    const V& value() const { return entry->value; }
  };
  static bool see(const Slot& slot, Seen& seen) {
    uint64_t word = slot.word.load(std::memory_order_acquire);
    seen.entry = pointer(word);
    return word > erased;
  }
  static const V& value(const Slot& slot) { return entry(slot)->value; }
  static bool live(const Slot& slot) { return slot.word.load(std::memory_order_acquire) > erased; }
  static bool empty(const Slot& slot) { return slot.word.load(std::memory_order_acquire) == 0; }
  static Entry* entry(const Slot& slot) {
    return pointer(slot.word.load(std::memory_order_acquire));
  }

  template <class U>
  static void insert(Slot& slot, const K& key, uint64_t hash, U&& value) {
    auto* entry = new Entry{hash, key, std::forward<U>(value)};
    slot.word.store(word(entry), std::memory_order_release);
  }
  template <class U>
  static Entry* assign(Slot& slot, const K& key, uint64_t hash, U&& value) {
    Entry* before = entry(slot);
    insert(slot, key, hash, std::forward<U>(value));
    return before;
  }
  static Entry* erase(Slot& slot) {
    Entry* before = entry(slot);
    slot.word.store(erased, std::memory_order_release);
    return before;
  }
  static void copy(Slot& to, const Slot& from) {
    to.word.store(from.word.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  static void destroy(Entry* entry) { delete entry; }
};

template <class K, class V>
struct MapLayoutOf {
  using Type = IndirectLayout<K, V>;
};
template <WordKey K, WordValue V>
struct MapLayoutOf<K, V> {
  using Type = InlineLayout<K, V>;
};
template <class K, class V>
using MapLayout = typename MapLayoutOf<K, V>::Type;

}  // namespace sluice::sync::internal
