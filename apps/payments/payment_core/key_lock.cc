// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/key_lock.h"

#include <utility>

#include "sluice/chan/select.h"

namespace payment_core {

using sluice::Channel;
using sluice::Context;
using sluice::Result;
using sluice::Unit;

KeyLock::Held::Held(Held&& other) noexcept
    : lock_(std::exchange(other.lock_, nullptr)), name_(std::move(other.name_)) {}

KeyLock::Held::~Held() {
  if (lock_ != nullptr) lock_->release(name_);
}

Result<KeyLock::Held> KeyLock::acquire(const Context& context, std::string name) {
  for (;;) {
    if (std::optional<sluice::Error> ended = context.err()) return *ended;
    Channel<Unit> released = Channel<Unit>::nil();
    {
      std::lock_guard guard{mutex_};
      auto [place, free] = held_.try_emplace(name, Channel<Unit>::nil());
      if (free) {
        place->second = Channel<Unit>{};
        return Held{this, std::move(name)};
      }
      released = place->second;
    }
    sluice::select(sluice::on_receive(released), sluice::on_receive(context.done()));
  }
}

void KeyLock::release(const std::string& name) {
  Channel<Unit> released = Channel<Unit>::nil();
  {
    std::lock_guard guard{mutex_};
    auto place = held_.find(name);
    released = std::move(place->second);
    held_.erase(place);
  }
  released.close();
}

}  // namespace payment_core
