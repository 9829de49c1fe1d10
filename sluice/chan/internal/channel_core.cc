// SPDX-License-Identifier: Apache-2.0

#include "sluice/chan/internal/channel_core.h"

#include <algorithm>
#include <new>

#include "sluice/base/assert.h"

namespace sluice::internal {

using runtime::WaitReason;

namespace {

size_t buffer_offset(const ElementType& type) {
  size_t alignment = type.buffer_alignment;
  return (sizeof(ChannelCore) + alignment - 1) / alignment * alignment;
}

std::align_val_t core_alignment(const ElementType& type) {
  return std::align_val_t(std::max<size_t>(type.buffer_alignment, alignof(ChannelCore)));
}

// Gives the waiter back to its goroutine. The node may be gone when ready() returns.
void complete(Waiter& waiter, bool success) {
  runtime::G* g = waiter.g;
  waiter.success = success;
  runtime::ready(g);
}

}  // namespace

ChannelCore* ChannelCore::make(const ElementType& type, size_t capacity) {
  if (capacity > ChannelStatus::capacity_max) fatal("channel: capacity out of range");
  // The one byte more keeps the address of a stateless element inside the allocation.
  size_t bytes = buffer_offset(type) + type.slot_bytes * capacity + (type.slot_bytes == 0);
  void* memory = core_alignment(type) <= std::align_val_t(__STDCPP_DEFAULT_NEW_ALIGNMENT__)
                     ? ::operator new(bytes)
                     : ::operator new(bytes, core_alignment(type));
  return ::new (memory) ChannelCore(type, uint32_t(capacity));
}

void ChannelCore::destroy() {
  const ElementType& type = *type_;
  SLUICE_ASSERT(receivers_.empty() && senders_.empty(), "channel: destroyed while in use");
  for (size_t count = status_locked().count(); count > 0; --count) {
    type.destroy(slot(receive_index_));
    advance(receive_index_);
  }
  this->~ChannelCore();
  if (core_alignment(type) <= std::align_val_t(__STDCPP_DEFAULT_NEW_ALIGNMENT__))
    ::operator delete(this);
  else
    ::operator delete(this, core_alignment(type));
}

void* ChannelCore::slot(uint32_t index) {
  return reinterpret_cast<std::byte*>(this) + buffer_offset(*type_) +
         size_t{index} * type_->slot_bytes;
}

// Enter with the lock held. done: `peer` is null or the receiver that finish_send() serves.
Attempt ChannelCore::send_locked(void* element, Waiter*& peer) {
  SLUICE_ASSERT(lock_.is_locked());
  peer = nullptr;
  ChannelStatus status = status_locked();
  if (status.is_closed()) return Attempt::closed;
  if (status.has_receivers()) {
    peer = receivers_.pop_claimed();
    set_waiters();
    if (peer != nullptr) {
      SLUICE_ASSERT(status.count() == 0, "a receiver waited beside a buffered element");
      return Attempt::done;
    }
    status = status_locked();
  }
  if (status.count() == capacity_) return Attempt::blocked;
  type_->move(slot(send_index_), element);
  advance(send_index_);
  set_status(status.pushed());
  return Attempt::done;
}

// Enter without locks, after send_locked() said done.
void ChannelCore::finish_send(void* element, Waiter* peer) {
  if (peer == nullptr) return;
  type_->move(peer->element, element);
  complete(*peer, true);
}

// Enter with the lock held. done: `peer` is null or the sender that finish_receive() serves.
Attempt ChannelCore::receive_locked(void* element, Waiter*& peer) {
  SLUICE_ASSERT(lock_.is_locked());
  peer = nullptr;
  ChannelStatus status = status_locked();
  if (status.has_senders()) {
    peer = senders_.pop_claimed();
    set_waiters();
    status = status_locked();
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
void ChannelCore::finish_receive(void* element, Waiter* peer) {
  if (peer == nullptr) return;
  if (capacity_ == 0) type_->move(element, peer->element);
  complete(*peer, true);
}

void ChannelCore::enqueue(Waiter& waiter, bool sender) {
  SLUICE_ASSERT(lock_.is_locked() && !status_locked().is_closed());
  (sender ? senders_ : receivers_).push(waiter);
  set_waiters();
}

void ChannelCore::dequeue(Waiter& waiter, bool sender) {
  lock_.lock();
  if (waiter.queued) {
    (sender ? senders_ : receivers_).remove(waiter);
    set_waiters();
  }
  lock_.unlock();
}

void ChannelCore::unlock_and_send(void* element) {
  Waiter* peer;
  Attempt attempt = send_locked(element, peer);
  if (attempt == Attempt::blocked) {
    Waiter self{.g = runtime::current(), .element = element};
    enqueue(self, true);
    lock_.unlock();
    runtime::park(WaitReason::chan_send);
    if (!self.success) fatal("send on closed channel");
    return;
  }
  lock_.unlock();
  if (attempt == Attempt::closed) fatal("send on closed channel");
  finish_send(element, peer);
}

bool ChannelCore::unlock_and_receive(void* element) {
  Waiter* peer;
  Attempt attempt = receive_locked(element, peer);
  if (attempt == Attempt::blocked) {
    Waiter self{.g = runtime::current(), .element = element};
    enqueue(self, false);
    lock_.unlock();
    runtime::park(WaitReason::chan_receive);
    return self.success;
  }
  lock_.unlock();
  if (attempt == Attempt::closed) return false;
  finish_receive(element, peer);
  return true;
}

void ChannelCore::send(void* element) {
  lock_.lock();
  unlock_and_send(element);
}

bool ChannelCore::receive(void* element) {
  lock_.lock();
  return unlock_and_receive(element);
}

Attempt ChannelCore::try_send(void* element) {
  Waiter* peer;
  lock_.lock();
  Attempt attempt = send_locked(element, peer);
  lock_.unlock();
  if (attempt == Attempt::closed) fatal("send on closed channel");
  if (attempt == Attempt::done) finish_send(element, peer);
  return attempt;
}

Attempt ChannelCore::try_receive(void* element) {
  Waiter* peer;
  lock_.lock();
  Attempt attempt = receive_locked(element, peer);
  lock_.unlock();
  if (attempt == Attempt::done) finish_receive(element, peer);
  return attempt;
}

void ChannelCore::close() {
  lock_.lock();
  if (status_locked().is_closed()) {
    lock_.unlock();
    fatal("close of closed channel");
  }
  // First come first woken. The popped waiters are ours, so their links are free for this list.
  Waiter* woken = nullptr;
  Waiter** end = &woken;
  for (WaitQueue* queue : {&receivers_, &senders_})
    while (Waiter* waiter = queue->pop_claimed()) {
      *end = waiter;
      end = &waiter->next;
    }
  *end = nullptr;
  set_status(status_locked().with_waiters(false, false).closed());
  lock_.unlock();
  while (woken != nullptr) {
    Waiter* next = woken->next;  // before complete(): the node may be gone after it
    complete(*woken, false);
    woken = next;
  }
}

}  // namespace sluice::internal
