// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/base/function.h"
#include "sluice/sync/internal/pool_core.h"

namespace sluice::sync {

// Objects that are dear to make, lent out and used again.
//   Pool<Buffer> buffers{[] { return std::make_unique<Buffer>(64 << 10); }};
//   Pool<Buffer>::Lease buffer = buffers.get();      // goes back at scope exit
//   buffer->clear();                                 // it is as its last user left it
// For objects of some size that are used briefly and often. Not for connections or other things
// whose number matters: how many exist is not bounded, and idle ones may be freed at any time, also
// by the memory governor, on a thread of its own.
// Thread-safety: get() and giving back, from goroutines and threads; a lease may be given back by
// another one than got it. The pool must outlive its leases.
// Ordering: giving an object back happens before the get() that lends it again.
// Source: Go's sync/pool.go; where idle objects are kept is told in internal/pool_core.h.
template <class T>
class Pool {
 public:
  class [[nodiscard]] Lease;

  // New objects are T().
  Pool()
    requires std::default_initializable<T>
      : make_([] { return std::make_unique<T>(); }), core_(&destroy) {}
  // New objects are what `make()` -> std::unique_ptr<T> gives; it may be called by several
  // goroutines at once.
  template <std::invocable F>
  explicit Pool(F make) : make_(std::move(make)), core_(&destroy) {}

  // The object given back last on this processor, or one from elsewhere, or a new one. Waits for
  // nothing but `make`.
  Lease get() {
    void* object = core_.take();
    if (object == nullptr) [[unlikely]]
      return Lease(make_new(), &core_);
    return Lease(static_cast<T*>(object), &core_);
  }

  // Frees what has been idle beyond the processors' own stacks since the call before: for a
  // program that knows that a peak is over.
  void age() { core_.age(); }

 private:
  static void destroy(void* object) { delete static_cast<T*>(object); }
  [[gnu::noinline]] T* make_new() {
    T* object = make_().release();
    core_.note_made();
    return object;
  }

  const Function<std::unique_ptr<T>()> make_;
  internal::PoolCore core_;
};

// An object on loan, for one user at a time. Movable; a moved-from one holds nothing.
template <class T>
class Pool<T>::Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), core_(other.core_) {}
  Lease& operator=(Lease other) noexcept {
    std::swap(object_, other.object_);
    std::swap(core_, other.core_);
    return *this;
  }
  ~Lease() {
    if (object_ != nullptr) core_->give(object_);
  }

  T& operator*() const {
    SLUICE_ASSERT(object_ != nullptr, "sync: empty lease");
    return *object_;
  }
  T* operator->() const { return &**this; }
  T* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

  // Keeps the object from the pool: it is the caller's, and the lease is empty.
  std::unique_ptr<T> keep() {
    if (object_ != nullptr) core_->note_kept();
    return std::unique_ptr<T>(std::exchange(object_, nullptr));
  }

 private:
  friend Pool;
  Lease(T* object, internal::PoolCore* core) : object_(object), core_(core) {}

  T* object_ = nullptr;
  internal::PoolCore* core_ = nullptr;
};

// Ages all pools of the process: for a governor under memory pressure, twice to empty their depots.
inline void age_pools() { internal::PoolCore::age_all(); }

}  // namespace sluice::sync
