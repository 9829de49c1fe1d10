// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "sluice/base/result.h"
#include "sluice/chan/channel.h"
#include "sluice/chan/unit.h"
#include "sluice/context/context.h"

namespace payment_core {

// A lock per name: holders of different names do not meet. Who waits for a name gets it in no
// particular order. Thread-safe.
class KeyLock {
 public:
  // The name is this goroutine's until scope exit.
  class Held {
   public:
    Held(Held&& other) noexcept;
    Held& operator=(Held&&) = delete;
    ~Held();

   private:
    friend class KeyLock;
    Held(KeyLock* lock, std::string name) : lock_(lock), name_(std::move(name)) {}

    KeyLock* lock_;  // null: moved from
    std::string name_;
  };

  // Waits until nobody holds `name`.
  // Errors: the context's.
  sluice::Result<Held> acquire(const sluice::Context& context, std::string name);

 private:
  void release(const std::string& name);

  std::mutex mutex_;  // held for a map operation
  // The names held, each with a channel that is closed at release. Guarded by mutex_.
  std::unordered_map<std::string, sluice::Channel<sluice::Unit>> held_;
};

}  // namespace payment_core
