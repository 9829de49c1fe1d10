// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::internal {

// Everything that decides whether an operation can go ahead, in one word, so that a reader without
// the lock sees one moment of the channel and not a mixture of two.
//
// Bits 0-28 count the buffered elements, bit 29 says that senders wait, bit 30 that receivers wait,
// bit 31 that the channel is closed; bits 32-63 are a version that every change increments.
// Two equal words read one after the other therefore mean that nothing has happened in between
// (select's default rests on that). It would take exactly 2^32 changes between two adjacent loads
// to fool a reader. "Wait" is an upper bound: a waiter of a select that was claimed elsewhere keeps
// its bit until it or the next operation under the lock removes it.
class ChannelStatus {
 public:
  static constexpr size_t capacity_max = (size_t{1} << 29) - 1;

  constexpr ChannelStatus() = default;
  explicit constexpr ChannelStatus(uint64_t word) : word_(word) {}

  constexpr uint64_t word() const { return word_; }
  constexpr size_t count() const { return word_ & count_mask; }
  constexpr bool has_senders() const { return (word_ & senders_bit) != 0; }
  constexpr bool has_receivers() const { return (word_ & receivers_bit) != 0; }
  constexpr bool is_closed() const { return (word_ & closed_bit) != 0; }

  // Open, nobody waits, and the buffer has room: one comparison, as all the bits that forbid it lie
  // above the count.
  constexpr bool can_push(uint32_t capacity) const { return uint32_t(word_) < capacity; }
  // The buffer has an element and no sender waits to refill it.
  constexpr bool can_pop() const { return count() != 0 && !has_senders(); }

  // What a blocking operation would do at this moment: wait.
  constexpr bool send_blocks(uint32_t capacity) const {
    return (uint32_t(word_) & ~senders_bit) == capacity;
  }
  // The same for either side, without a branch: a select looks at cases of both.
  constexpr bool blocks(bool sends, uint32_t capacity) const {
    uint32_t ignored = sends ? senders_bit : receivers_bit;
    return (uint32_t(word_) & ~ignored) == (sends ? capacity : 0);
  }
  constexpr bool receive_blocks() const { return (uint32_t(word_) & ~receivers_bit) == 0; }

  constexpr ChannelStatus pushed() const { return ChannelStatus(word_ + version_one + 1); }
  constexpr ChannelStatus popped() const { return ChannelStatus(word_ + version_one - 1); }
  constexpr ChannelStatus closed() const {
    return ChannelStatus((word_ | closed_bit) + version_one);
  }
  constexpr ChannelStatus with_senders(bool some) const { return with(senders_bit, some); }
  constexpr ChannelStatus with_receivers(bool some) const { return with(receivers_bit, some); }

  friend constexpr bool operator==(ChannelStatus, ChannelStatus) = default;

 private:
  constexpr ChannelStatus with(uint32_t bit, bool set) const {
    return ChannelStatus((set ? word_ | bit : word_ & ~uint64_t{bit}) + version_one);
  }

  static constexpr uint32_t count_mask = capacity_max;
  static constexpr uint32_t senders_bit = uint32_t{1} << 29;
  static constexpr uint32_t receivers_bit = uint32_t{1} << 30;
  static constexpr uint32_t closed_bit = uint32_t{1} << 31;
  static constexpr uint64_t version_one = uint64_t{1} << 32;

  uint64_t word_ = 0;
};

}  // namespace sluice::internal
