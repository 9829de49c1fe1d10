// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::sync::internal {

// A table of a Map's shard as one word: the address of its first slot (aligned to 64), and in the
// low bits the logarithm of the number of homes. A reader gets both with one load. Zero: no table.
//
// Behind the homes come a tail, into which the last homes' entries may run over, and one slot that
// stays empty for ever, where each probe ends: so a probe needs no wrap and no bound.
class MapTable {
 public:
  constexpr explicit MapTable(uintptr_t word) : word_(word) {}
  // A zeroed table of 2^log2 homes, log2 in [1, 63), and a tail of so many slots.
  static MapTable make(uint32_t log2, size_t tail, size_t slot_bytes);
  // Frees the memory, not what the slots point at.
  static void free(void* slots);

  constexpr uintptr_t word() const { return word_; }
  constexpr explicit operator bool() const { return word_ != 0; }
  constexpr uint32_t log2() const { return word_ & 63; }
  constexpr size_t homes() const { return word_ == 0 ? 0 : size_t(1) << log2(); }
  // The slot where the probe for `position` starts: its upper log2() bits.
  constexpr size_t home(uint64_t position) const { return position >> (64 - log2()); }

  template <class Slot>
  Slot* slots() const {
    return reinterpret_cast<Slot*>(word_ & ~uintptr_t(63));
  }

 private:
  uintptr_t word_;
};

// Spreads a hash over all 64 bits. Source: the folded multiply of wyhash and foldhash.
inline uint64_t mix(uint64_t hash) {
  __uint128_t product = static_cast<__uint128_t>(hash ^ 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace sluice::sync::internal
