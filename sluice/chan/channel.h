// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/chan/internal/core_ref.h"
#include "sluice/chan/internal/receive_range.h"
#include "sluice/chan/unit.h"

namespace sluice {

template <class T>
class SendChannel;
template <class T>
class ReceiveChannel;

// What may travel through a channel: anything that moves without throwing, also move-only types.
template <class T>
concept ChannelElement =
    std::is_object_v<T> && !std::is_const_v<T> && std::is_nothrow_move_constructible_v<T> &&
    std::is_nothrow_destructible_v<T>;

// A typed conduit between goroutines, with Go's semantics to the letter.
//
// `Channel<T>{}` is unbuffered: a send waits for its receiver. `Channel<T>{n}` holds up to n
// values: a send waits only when it is full. Channel<T>::nil() is no channel: operations on it wait
// for ever, and select never takes it. Ownership: a Channel is a handle, copied and compared like a
// pointer; all operations are const. The channel goes with its last handle, and the values still in
// it are destroyed. A moved-from handle is nil. Thread-safety: operations may be called by any
// number of goroutines and threads at once; a thread that is no goroutine is blocked itself.
// Ordering: values arrive in the order sent; waiting senders and receivers are served first come
// first served. A send happens before its receive returns, close() before a receive that sees it.
// The element's move constructor and destructor run inside the channel: they must be short, and
// must not wait or use channels.
// Source: The Go Programming Language Specification, "Channel types"; runtime/chan.go.
template <class T>
class Channel {
 public:
  using Value = T;

  Channel() : Channel(0) {}
  // Ends the process if capacity is beyond 2^29 - 1 elements.
  explicit Channel(size_t capacity)
      : core_(internal::ChannelCore::make(internal::element_type<T>, capacity)) {
    // Here and not in the class, so that a struct may have channels of its own type.
    static_assert(ChannelElement<T>, "a channel's element must be movable without throwing");
  }
  static Channel nil() { return Channel(internal::CoreRef()); }

  // Waits until a receiver has the value or the buffer has room for it.
  // Ends the process with "send on closed channel" if the channel is or gets closed.
  void send(T value) const { core_.send(value); }
  // Sends if that needs no waiting, and says whether; if not, `value` is left as it was.
  bool try_send(T&& value) const { return core_.try_send(value); }
  bool try_send(const T& value) const
    requires std::is_copy_constructible_v<T>
  {
    T copy(value);
    return core_.try_send(copy);
  }

  // Waits for a value. nullopt: the channel is closed and everything sent has been received.
  std::optional<T> receive() const { return core_.template receive<T>(); }
  // The value that can be had without waiting. nullopt: there is none now, or the channel is closed
  // and drained (a select with on_default tells the two apart).
  std::optional<T> try_receive() const { return core_.template try_receive<T>(); }

  // No more values will be sent: receivers get what is buffered, then nullopt, at once and for
  // ever. Ends the process with "close of closed channel" or "close of nil channel".
  void close() const { core_.close(); }

  // for (T& value : channel): receives until the channel is closed and drained.
  auto begin() const { return internal::ReceiveIterator<T, Channel>(this); }
  std::default_sentinel_t end() const { return {}; }
  std::optional<T> next() const { return receive(); }

  // for (T& value : channel.until(context)): the same, and ends as soon as the context is done.
  // Takes anything whose done() is a ReceiveChannel.
  template <class Context>
  auto until(const Context& context) const {
    using Done = std::remove_cvref_t<decltype(context.done())>;
    static_assert(std::is_same_v<typename Done::Value, Unit>,
                  "done() gives a ReceiveChannel<Unit>");
    return internal::UntilRange<T, Channel, Done>(*this, context.done());
  }

  SendChannel<T> send_only() const { return *this; }
  ReceiveChannel<T> receive_only() const { return *this; }

  // Values in the buffer now, and how many fit; 0 for nil.
  size_t size() const { return core_.size(); }
  size_t capacity() const { return core_.capacity(); }

  // The same channel.
  friend bool operator==(const Channel&, const Channel&) = default;

 private:
  friend SendChannel<T>;
  friend ReceiveChannel<T>;
  friend internal::ChannelAccess;
  explicit Channel(internal::CoreRef core) : core_(std::move(core)) {}

  internal::CoreRef core_;
};

// The sending side of a Channel: what send, close and their kin do is written there.
template <class T>
class SendChannel {
 public:
  using Value = T;

  SendChannel(Channel<T> channel) : core_(std::move(channel.core_)) {}
  static SendChannel nil() { return Channel<T>::nil(); }

  void send(T value) const { core_.send(value); }
  bool try_send(T&& value) const { return core_.try_send(value); }
  bool try_send(const T& value) const
    requires std::is_copy_constructible_v<T>
  {
    T copy(value);
    return core_.try_send(copy);
  }
  void close() const { core_.close(); }

  void receive() const = delete;      // a SendChannel only sends: receive on the Channel
  void try_receive() const = delete;  // a SendChannel only sends: receive on the Channel
  void begin() const = delete;        // a SendChannel only sends: range over the Channel

  size_t size() const { return core_.size(); }
  size_t capacity() const { return core_.capacity(); }
  friend bool operator==(const SendChannel&, const SendChannel&) = default;

 private:
  friend internal::ChannelAccess;
  internal::CoreRef core_;
};

// The receiving side of a Channel: what receive, ranges and their kin do is written there.
template <class T>
class ReceiveChannel {
 public:
  using Value = T;

  ReceiveChannel(Channel<T> channel) : core_(std::move(channel.core_)) {}
  static ReceiveChannel nil() { return Channel<T>::nil(); }

  std::optional<T> receive() const { return core_.template receive<T>(); }
  std::optional<T> try_receive() const { return core_.template try_receive<T>(); }
  auto begin() const { return internal::ReceiveIterator<T, ReceiveChannel>(this); }
  std::default_sentinel_t end() const { return {}; }
  std::optional<T> next() const { return receive(); }
  template <class Context>
  auto until(const Context& context) const {
    using Done = std::remove_cvref_t<decltype(context.done())>;
    static_assert(std::is_same_v<typename Done::Value, Unit>,
                  "done() gives a ReceiveChannel<Unit>");
    return internal::UntilRange<T, ReceiveChannel, Done>(*this, context.done());
  }

  template <class U>
  void send(U&&) const = delete;  // a ReceiveChannel only receives: send on the Channel
  template <class U>
  bool try_send(U&&) const = delete;  // a ReceiveChannel only receives: send on the Channel
  void close() const = delete;        // a ReceiveChannel only receives: the sender closes

  size_t size() const { return core_.size(); }
  size_t capacity() const { return core_.capacity(); }
  friend bool operator==(const ReceiveChannel&, const ReceiveChannel&) = default;

 private:
  friend internal::ChannelAccess;
  internal::CoreRef core_;
};

}  // namespace sluice
