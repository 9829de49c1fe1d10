// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <utility>

#include "sluice/sync/rw_mutex.h"

namespace sluice::sync {

// A value that can only be reached while its lock is held.
//   Guarded<std::unordered_map<Id, User>> users_;
//   users_.lock()->emplace(id, user);                       // one writer
//   if (auto users = users_.read(); users->contains(id)) ...  // many readers
// An accessor holds the lock for its own life: name it when several steps belong together, and do
// not keep references to the value beyond it. Do not lock() while holding one of the same object.
// Thread-safety and ordering: RWMutex's.
template <class T>
class Guarded {
 public:
  class [[nodiscard]] Access;
  class [[nodiscard]] ReadAccess;

  Guarded() = default;
  template <class... Args>
  explicit Guarded(std::in_place_t, Args&&... args) : value_(std::forward<Args>(args)...) {}
  explicit Guarded(T value) : value_(std::move(value)) {}
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // Waits until nobody else has it.
  Access lock() { return Access(*this); }
  // Waits until no writer has it or waits for it.
  ReadAccess read() const { return ReadAccess(*this); }

 private:
  mutable RWMutex mutex_;
  T value_;  // guarded by mutex_
};

template <class T>
class Guarded<T>::Access {
 public:
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
  ~Access() { guarded_.mutex_.unlock(); }

  T& operator*() const { return guarded_.value_; }
  T* operator->() const { return &guarded_.value_; }

 private:
  friend Guarded;
  explicit Access(Guarded& guarded) : guarded_(guarded) { guarded.mutex_.lock(); }

  Guarded& guarded_;
};

template <class T>
class Guarded<T>::ReadAccess {
 public:
  ReadAccess(const ReadAccess&) = delete;
  ReadAccess& operator=(const ReadAccess&) = delete;
  ~ReadAccess() { guarded_.mutex_.unlock_shared(); }

  const T& operator*() const { return guarded_.value_; }
  const T* operator->() const { return &guarded_.value_; }

 private:
  friend Guarded;
  explicit ReadAccess(const Guarded& guarded) : guarded_(guarded) { guarded.mutex_.lock_shared(); }

  const Guarded& guarded_;
};

}  // namespace sluice::sync
