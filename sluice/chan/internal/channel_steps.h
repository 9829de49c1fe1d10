// SPDX-License-Identifier: Apache-2.0

#pragma once

// The steps of channel operations, inline for channel_core.cc and select_core.cc.

#include <cstddef>
#include <cstdint>

#include "sluice/base/assert.h"
#include "sluice/chan/internal/channel_core.h"
#include "sluice/runtime/section.h"

namespace sluice::internal {

[[noreturn]] [[gnu::cold]] inline void die_of_closed_send() { fatal("send on closed channel"); }

// Where the slots begin, from the core's address.
inline size_t buffer_offset(const ElementType& type) {
  size_t mask = type.buffer_alignment - 1;  // an alignment is a power of two
  return (sizeof(ChannelCore) + mask) & ~mask;
}

// Gives the waiter back to its goroutine. The node may be gone when this returns.
inline void complete(Waiter& waiter, bool success) {
  runtime::G* g = waiter.g;
  waiter.success = success;
  runtime::ready_sectioned(g);
}

inline void* ChannelCore::slot(uint32_t index) {
  return reinterpret_cast<std::byte*>(this) + buffer_offset(*type_) +
         size_t{index} * type_->slot_bytes;
}

// Enter with the lock held. done: `peer` is null or the receiver that finish_send() serves.
inline Attempt ChannelCore::send_locked(void* element, Waiter*& peer) {
  peer = nullptr;
  ChannelStatus status = status_locked();
  if (status.is_closed()) return Attempt::closed;
  if (status.has_receivers()) {
    peer = receivers_.pop_claimed();
    status = status.with_receivers(!receivers_.empty());
    set_status(status);
    if (peer != nullptr) {
      SLUICE_ASSERT(status.count() == 0, "a receiver waited beside a buffered element");
      return Attempt::done;
    }
  }
  if (status.count() == capacity_) return Attempt::blocked;
  type_->move(slot(send_index_), element);
  advance(send_index_);
  set_status(status.pushed());
  return Attempt::done;
}

// Enter without locks, after send_locked() said done.
inline void ChannelCore::finish_send(void* element, Waiter* peer) {
  if (peer == nullptr) return;
  type_->move(peer->element, element);
  complete(*peer, true);
}

// Enter with the lock held. done: `peer` is null or the sender that finish_receive() serves.
inline Attempt ChannelCore::receive_locked(void* element, Waiter*& peer) {
  peer = nullptr;
  ChannelStatus status = status_locked();
  if (status.has_senders()) {
    peer = senders_.pop_claimed();
    status = status.with_senders(!senders_.empty());
    set_status(status);
  }
  if (status.count() > 0) {
    type_->relocate(element, slot(receive_index_));
    advance(receive_index_);
    if (peer == nullptr) {
      set_status(status.popped());
      return Attempt::done;
    }
    // The buffer was full; the sender's value takes the slot just emptied, at the end of the line.
    SLUICE_ASSERT(status.count() == capacity_, "a sender waited beside a free slot");
    type_->move(slot(send_index_), peer->element);
    advance(send_index_);
    return Attempt::done;
  }
  if (peer != nullptr) {
    SLUICE_ASSERT(capacity_ == 0, "a sender waited beside an empty buffer");
    return Attempt::done;
  }
  return status.is_closed() ? Attempt::closed : Attempt::blocked;
}

// Enter without locks, after receive_locked() said done.
inline void ChannelCore::finish_receive(void* element, Waiter* peer) {
  if (peer == nullptr) return;
  if (capacity_ == 0) type_->move(element, peer->element);
  complete(*peer, true);
}

inline void ChannelCore::enqueue(Waiter& waiter, bool sender) {
  ChannelStatus status = status_locked();
  SLUICE_ASSERT(!status.is_closed());
  if (sender) {
    senders_.push(waiter);
    set_status(status.with_senders(true));
  } else {
    receivers_.push(waiter);
    set_status(status.with_receivers(true));
  }
}

inline void ChannelCore::dequeue(Waiter& waiter, bool sender) {
  lock_.lock();
  if (waiter.queued) {
    ChannelStatus status = status_locked();
    if (sender) {
      senders_.remove(waiter);
      set_status(status.with_senders(!senders_.empty()));
    } else {
      receivers_.remove(waiter);
      set_status(status.with_receivers(!receivers_.empty()));
    }
  }
  lock_.unlock();
}

}  // namespace sluice::internal
