// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <utility>

#include "sluice/base/assert.h"
#include "sluice/chan/internal/channel_core.h"
#include "sluice/runtime/park.h"

namespace sluice::internal {

// Waits for ever: what an operation on a nil channel does.
[[noreturn]] inline void block_forever(runtime::WaitReason reason) {
  for (;;) runtime::park(reason);
}

// A shared handle of a ChannelCore; null is the nil channel. Its copies are made and dropped by any
// thread; one CoreRef object is used as one std::shared_ptr object is.
class CoreRef {
 public:
  CoreRef() = default;
  explicit CoreRef(ChannelCore* adopted) : core_(adopted) {}
  CoreRef(const CoreRef& other) : core_(other.core_) {
    if (core_ != nullptr) core_->retain();
  }
  CoreRef(CoreRef&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  CoreRef& operator=(CoreRef other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~CoreRef() {
    if (core_ != nullptr) core_->release();
  }

  ChannelCore* get() const { return core_; }

  // The operations of a handle: those of the core, plus what they are on the nil channel.
  template <class T>
  void send(T& value) const {
    if (core_ == nullptr) [[unlikely]]
      block_forever(runtime::WaitReason::chan_send_nil);
    core_->send(value);
  }
  template <class T>
  bool try_send(T& value) const {
    return core_ != nullptr && core_->try_send(value);
  }
  template <class T>
  std::optional<T> receive() const {
    if (core_ == nullptr) [[unlikely]]
      block_forever(runtime::WaitReason::chan_receive_nil);
    return core_->receive<T>();
  }
  template <class T>
  std::optional<T> try_receive() const {
    if (core_ == nullptr) return std::nullopt;
    return core_->try_receive<T>();
  }
  void close() const {
    if (core_ == nullptr) fatal("close of nil channel");
    core_->close();
  }
  size_t size() const { return core_ == nullptr ? 0 : core_->status().count(); }
  size_t capacity() const { return core_ == nullptr ? 0 : core_->capacity(); }

  friend bool operator==(const CoreRef&, const CoreRef&) = default;

 private:
  ChannelCore* core_ = nullptr;
};

// Lets select and the views reach the core behind a public handle.
struct ChannelAccess {
  template <class C>
  static ChannelCore* core(const C& channel) {
    return channel.core_.get();
  }
};

}  // namespace sluice::internal
