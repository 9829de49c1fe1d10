// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/delay_table.h"

#include <algorithm>
#include <mutex>

namespace sluice::runtime {

namespace {

// FNV-1a over words, and its upper half folded in, since the slot comes from the lower one.
uint64_t hash_of(std::span<const uintptr_t> stack) {
  uint64_t hash = 0xcbf29ce484222325;
  for (uintptr_t address : stack) hash = (hash ^ address) * 0x100000001b3;
  return hash ^ hash >> 32;
}

Duration duration(uint64_t ns) { return Duration(static_cast<int64_t>(ns)); }

}  // namespace

// The stack's entry, or an empty one; null: there is no room.
DelayTable::Entry* DelayTable::find(std::span<const uintptr_t> stack, uint64_t hash) {
  for (size_t i = hash % slots;; i = (i + 1) % slots) {
    Entry& entry = entries_[i];
    if (entry.count == 0) return used_ == stacks_max ? nullptr : &entry;
    if (entry.hash == hash && std::ranges::equal(std::span(entry.frames, entry.depth), stack))
      return &entry;
  }
}

void DelayTable::add(std::span<const uintptr_t> stack, uint64_t count, uint64_t ns) {
  stack = stack.first(std::min(stack.size(), frames_max));
  uint64_t hash = hash_of(stack);
  std::lock_guard lock(lock_);
  Entry* entry = find(stack, hash);
  if (entry == nullptr) {
    others_ += count;
    others_ns_ += ns;
    return;
  }
  if (entry->count == 0) {
    ++used_;
    entry->hash = hash;
    entry->depth = stack.size();
    std::ranges::copy(stack, entry->frames);
  }
  entry->count += count;
  entry->ns += ns;
}

// Entry by entry: the lock is for a few dozen instructions, and an entry stays once it is there.
DelayProfile DelayTable::read() {
  DelayProfile profile;
  for (Entry& entry : entries_) {
    Entry copy;
    {
      std::lock_guard lock(lock_);
      if (entry.count == 0) continue;
      copy = entry;
    }
    profile.stacks.push_back(
        {{copy.frames, copy.frames + copy.depth}, copy.count, duration(copy.ns)});
  }
  std::lock_guard lock(lock_);
  profile.others = others_;
  profile.others_delay = duration(others_ns_);
  return profile;
}

}  // namespace sluice::runtime
