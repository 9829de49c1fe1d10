// SPDX-License-Identifier: Apache-2.0

#include "sluice/chan/internal/channel_core.h"

#include <algorithm>
#include <new>

#include "sluice/base/assert.h"
#include "sluice/chan/internal/channel_steps.h"
#include "sluice/runtime/section.h"

namespace sluice::internal {

using runtime::WaitReason;

namespace {

std::align_val_t core_alignment(const ElementType& type) {
  return std::align_val_t(std::max<size_t>(type.buffer_alignment, alignof(ChannelCore)));
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

// Who need not wait need not pay for a Section: look first. The lock, or the Section, is a
// simulation's point.
void ChannelCore::send(void* element) {
  if (!status().send_blocks(capacity_)) {
    Waiter* peer;
    lock_.lock();
    Attempt attempt = send_locked(element, peer);
    lock_.unlock();
    if (attempt == Attempt::closed) die_of_closed_send();
    if (attempt == Attempt::done) return finish_send(element, peer);
  }
  wait_to_send(element);
}

bool ChannelCore::receive(void* element) {
  if (!status().receive_blocks()) {
    Waiter* peer;
    lock_.lock();
    Attempt attempt = receive_locked(element, peer);
    lock_.unlock();
    if (attempt == Attempt::done) {
      finish_receive(element, peer);
      return true;
    }
    if (attempt == Attempt::closed) return false;
  }
  return wait_to_receive(element);
}

[[gnu::noinline]] void ChannelCore::wait_to_send(void* element) {
  runtime::Section section;
  Waiter* peer;
  lock_.lock();
  Attempt attempt = send_locked(element, peer);
  if (attempt == Attempt::blocked) {
    Waiter self;
    self.select = nullptr;
    self.g = section.g();
    self.element = element;
    enqueue(self, true);
    lock_.unlock();
    section.park(WaitReason::chan_send);
    if (!self.success) die_of_closed_send();
    return;
  }
  lock_.unlock();
  if (attempt == Attempt::closed) die_of_closed_send();
  finish_send(element, peer);
}

[[gnu::noinline]] bool ChannelCore::wait_to_receive(void* element) {
  runtime::Section section;
  Waiter* peer;
  lock_.lock();
  Attempt attempt = receive_locked(element, peer);
  if (attempt == Attempt::blocked) {
    Waiter self;
    self.select = nullptr;
    self.g = section.g();
    self.element = element;
    enqueue(self, false);
    lock_.unlock();
    section.park(WaitReason::chan_receive);
    return self.success;
  }
  lock_.unlock();
  if (attempt == Attempt::closed) return false;
  finish_receive(element, peer);
  return true;
}

Attempt ChannelCore::try_send(void* element) {
  Waiter* peer;
  lock_.lock();
  Attempt attempt = send_locked(element, peer);
  lock_.unlock();
  if (attempt == Attempt::closed) die_of_closed_send();
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
  set_status(status_locked().with_senders(false).with_receivers(false).closed());
  lock_.unlock();
  while (woken != nullptr) {
    Waiter* next = woken->next;  // before complete(): the node may be gone after it
    complete(*woken, false);
    woken = next;
  }
}

}  // namespace sluice::internal
