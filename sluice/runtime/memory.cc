// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/memory.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "sluice/runtime/internal/listeners.h"

namespace sluice {

namespace runtime::internal {
constinit std::atomic<MemoryPressure> memory_pressure{MemoryPressure::none};
}  // namespace runtime::internal

// All listeners. The lock is not held while one hears: it may make other listeners, and others may
// be made and destroyed meanwhile.
struct MemoryListeners {
  std::mutex mutex;
  std::condition_variable told;
  MemoryListener* first = nullptr;    // guarded by mutex, as is the rest
  MemoryListener* hearing = nullptr;  // must not go before it has heard
  MemoryListener* next = nullptr;     // after `hearing`

  void add(MemoryListener* listener) {
    std::lock_guard lock(mutex);
    listener->next_ = first;
    if (first != nullptr) first->previous_ = listener;
    first = listener;
  }

  void remove(MemoryListener* listener) {
    std::unique_lock lock(mutex);
    told.wait(lock, [&] { return hearing != listener; });
    if (next == listener) next = listener->next_;
    (listener->previous_ == nullptr ? first : listener->previous_->next_) = listener->next_;
    if (listener->next_ != nullptr) listener->next_->previous_ = listener->previous_;
  }

  bool any() {
    std::lock_guard lock(mutex);
    return first != nullptr;
  }

  void tell(MemoryNotice notice) {
    std::unique_lock lock(mutex);
    for (hearing = first; hearing != nullptr; hearing = next) {
      next = hearing->next_;
      lock.unlock();
      hearing->hear_(notice);
      lock.lock();
      told.notify_all();
    }
    next = nullptr;
  }
};

namespace {

MemoryListeners& listeners() {
  static MemoryListeners* instance = new MemoryListeners;  // for ever: pools may be static objects
  return *instance;
}

}  // namespace

MemoryListener::MemoryListener(Function<void(MemoryNotice)> hear) : hear_(std::move(hear)) {
  listeners().add(this);
}

MemoryListener::~MemoryListener() { listeners().remove(this); }

void runtime::tell_listeners(MemoryNotice notice) { listeners().tell(notice); }
bool runtime::has_listeners() { return listeners().any(); }

}  // namespace sluice
