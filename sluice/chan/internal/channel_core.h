// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "sluice/chan/internal/channel_status.h"
#include "sluice/chan/internal/element_type.h"
#include "sluice/chan/internal/waiter.h"
#include "sluice/runtime/spin_lock.h"

namespace sluice::internal {

// What an operation that must not wait came to.
enum class Attempt : uint8_t { done, closed, blocked };

// A channel of any element type: one lock, a ring of slots behind this object, two wait queues.
//
// Invariants, whenever the lock is free; "waits" means a waiter whose select is not yet claimed:
//  - nobody waits to receive while the buffer has an element;
//  - nobody waits to send while the buffer has room;
//  - senders and receivers do not both wait, unless all on one side belong to selects that wait on
//    the other side too (a select never serves itself);
//  - a closed channel has empty queues, and stays closed.
// Source: runtime/chan.go of Go 1.26, whose algorithm this is; new are the status word, by which
// nobody who need not wait ever locks more than one channel, and that an unbuffered value moves
// after the lock is released.
//
// The lock guards everything but status_'s reads and references_. Under it no goroutine is readied
// and no user code runs, except the element's move constructor and destructor when the buffer is
// involved; they may also run inside a Section. So they must be short, and must not wait.
// Who may have to wait enters a runtime::Section before it locks (entering may itself wait).
// An operation that somebody else can conclude anything from has touched the core for the last
// time: its last touch is the unlock() that publishes it. So "receive the last value, destroy the
// channel" is safe against the sender of that value.
class ChannelCore {
 public:
  // Errors: more than ChannelStatus::capacity_max elements end the process.
  static ChannelCore* make(const ElementType& type, size_t capacity);

  ChannelCore(const ChannelCore&) = delete;
  ChannelCore& operator=(const ChannelCore&) = delete;

  // Relaxed: whoever copies a handle has one, and that one keeps the core alive.
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  // Acquire-release: the last one must see all that the others did. Pairs with itself.
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  size_t capacity() const { return capacity_; }
  // Acquire pairs with the release in set_status().
  ChannelStatus status() const { return ChannelStatus(status_.load(std::memory_order_acquire)); }
  bool send_blocks() const {
    runtime::interleave();
    return status().send_blocks(capacity_);
  }
  bool receive_blocks() const {
    runtime::interleave();
    return status().receive_blocks();
  }

  // Typed operations: the buffered, uncontended case inline, the rest by the core. `T` must be the
  // type that the core was made with. A sent value is left moved-from.
  template <class T>
  void send(T& value);
  template <class T>
  bool try_send(T& value);
  template <class T>
  std::optional<T> receive();
  template <class T>
  std::optional<T> try_receive();

  // Erased operations. `element` is the value to send, or room for the one received.
  void send(void* element);     // waits; a closed channel ends the process
  bool receive(void* element);  // waits; false: closed and drained
  Attempt try_send(void* element);
  Attempt try_receive(void* element);
  void close();

  // The steps of the above (channel_steps.h), also for select, which holds several channels at
  // once. The caller holds the lock through lock() .. unlock() and then, if done, calls finish_send
  // or finish_receive.
  void lock() { lock_.lock(); }
  void unlock() { lock_.unlock(); }
  runtime::SpinLock& spin_lock() { return lock_; }
  inline Attempt send_locked(void* element, Waiter*& peer);
  inline Attempt receive_locked(void* element, Waiter*& peer);
  inline void finish_send(void* element, Waiter* peer);
  inline void finish_receive(void* element, Waiter* peer);
  inline void enqueue(Waiter& waiter, bool sender);
  inline void dequeue(Waiter& waiter, bool sender);  // locks by itself; nothing if no longer queued

 private:
  ChannelCore(const ElementType& type, uint32_t capacity) : capacity_(capacity), type_(&type) {}
  ~ChannelCore() = default;

  void destroy();
  void wait_to_send(void* element);
  bool wait_to_receive(void* element);

  ChannelStatus status_locked() const {
    return ChannelStatus(status_.load(std::memory_order_relaxed));
  }
  // Release pairs with the acquire in status(), so that who sees a channel closed also sees what
  // was written before close().
  void set_status(ChannelStatus status) { status_.store(status.word(), std::memory_order_release); }

  template <class T>
  T* slot(uint32_t index) {
    constexpr size_t offset = (sizeof(ChannelCore) + alignof(T) - 1) / alignof(T) * alignof(T);
    return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(this) + offset) + index;
  }
  inline void* slot(uint32_t index);
  void advance(uint32_t& index) const { index = index + 1 == capacity_ ? 0 : index + 1; }
  template <class T>
  void push(T& value, ChannelStatus status);
  template <class T>
  std::optional<T> pop(ChannelStatus status);

  runtime::SpinLock lock_;
  const uint32_t capacity_;
  std::atomic<uint64_t> status_{0};  // a ChannelStatus; written under the lock only
  uint32_t send_index_ = 0;          // the slot after the youngest element
  uint32_t receive_index_ = 0;       // the slot of the oldest element
  WaitQueue receivers_;
  WaitQueue senders_;
  const ElementType* const type_;
  std::atomic<uint32_t> references_{1};
};

// Room for one value of type T that may stay empty.
template <class T>
union Room {
  Room() {}
  ~Room() {}
  std::optional<T> take() {
    std::optional<T> taken(std::in_place, std::move(value));
    std::destroy_at(&value);
    return taken;
  }
  T value;
};

template <class T>
inline void ChannelCore::push(T& value, ChannelStatus status) {
  if constexpr (!is_stateless<T>) {
    ::new (static_cast<void*>(slot<T>(send_index_))) T(std::move(value));
    advance(send_index_);
  }
  set_status(status.pushed());
}

template <class T>
inline std::optional<T> ChannelCore::pop(ChannelStatus status) {
  if constexpr (is_stateless<T>) {
    set_status(status.popped());
    return std::optional<T>(std::in_place);
  } else {
    T* element = slot<T>(receive_index_);
    std::optional<T> value(std::in_place, std::move(*element));
    std::destroy_at(element);
    advance(receive_index_);
    set_status(status.popped());
    return value;
  }
}

template <class T>
inline void ChannelCore::send(T& value) {
  if (capacity_ != 0) {
    lock_.lock();
    ChannelStatus status = status_locked();
    if (status.can_push(capacity_)) [[likely]] {
      push(value, status);
      lock_.unlock();
      return;
    }
    lock_.unlock();
  }
  send(static_cast<void*>(&value));
}

template <class T>
inline bool ChannelCore::try_send(T& value) {
  return !send_blocks() && try_send(static_cast<void*>(&value)) == Attempt::done;
}

template <class T>
inline std::optional<T> ChannelCore::receive() {
  if (capacity_ != 0) {
    lock_.lock();
    ChannelStatus status = status_locked();
    if (status.can_pop()) [[likely]] {
      std::optional<T> value = pop<T>(status);
      lock_.unlock();
      return value;
    }
    lock_.unlock();
  }
  Room<T> room;
  if (!receive(static_cast<void*>(&room.value))) return std::nullopt;
  return room.take();
}

template <class T>
inline std::optional<T> ChannelCore::try_receive() {
  if (receive_blocks()) return std::nullopt;
  Room<T> room;
  if (try_receive(static_cast<void*>(&room.value)) != Attempt::done) return std::nullopt;
  return room.take();
}

}  // namespace sluice::internal
