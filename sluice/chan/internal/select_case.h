// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "sluice/base/time.h"
#include "sluice/chan/internal/core_ref.h"
#include "sluice/chan/internal/select_core.h"

namespace sluice::internal {

// What on_receive, on_send, on_default and on_timeout make; select() takes them apart.
// A channel case refers to a channel given as a variable and keeps a temporary one.

enum class SelectKind : uint8_t { channel, no_wait, timeout };

template <class C>
concept CanReceiveFrom = requires(const std::remove_cvref_t<C>& channel) {
  { channel.receive() } -> std::same_as<std::optional<typename std::remove_cvref_t<C>::Value>>;
};
template <class C>
concept CanSendTo =
    requires(const std::remove_cvref_t<C>& channel, typename std::remove_cvref_t<C>::Value value) {
      channel.send(std::move(value));
    };
template <class C>
concept SelectCaseType = std::same_as<decltype(std::remove_cvref_t<C>::kind), const SelectKind>;

template <class C>
using HeldChannel = std::conditional_t<std::is_lvalue_reference_v<C>, const std::remove_cvref_t<C>&,
                                       std::remove_cvref_t<C>>;

struct Nothing {
  void operator()() const {}
};

// Converts to std::optional<T> and, not being copyable, to nothing that takes whatever it is given.
template <class T>
struct OnlyOptional {
  OnlyOptional(const OnlyOptional&) = delete;
  operator std::optional<T>() const;
};
// Whether the handler asks for std::optional<T>. Where a T can be made of one (std::any), being
// callable with it does not say so: the handler of a T would get an optional wrapped into a T.
template <class Handler, class T>
constexpr bool takes_optional() {
  if constexpr (std::is_convertible_v<std::optional<T>, T>)
    return std::is_invocable_v<Handler&, OnlyOptional<T>>;
  else
    return std::is_invocable_v<Handler&, std::optional<T>>;
}

template <class Channel, class Handler>
class ReceiveCase {
  using T = typename std::remove_cvref_t<Channel>::Value;

 public:
  static constexpr SelectKind kind = SelectKind::channel;
  static constexpr bool sends = false;

  static_assert(takes_optional<Handler, T>() || std::is_invocable_v<Handler&, T> ||
                    std::is_invocable_v<Handler&>,
                "on_receive: the handler takes std::optional<T>, T or nothing");

  ReceiveCase(Channel&& channel, Handler handler)
      : channel_(std::forward<Channel>(channel)), handler_(std::move(handler)) {}
  ReceiveCase(const ReceiveCase&) = delete;
  ReceiveCase& operator=(const ReceiveCase&) = delete;

  ChannelCore* core() const { return ChannelAccess::core(channel_); }
  void* element() { return &room_.value; }

  // `received`: element() holds a value; else the channel is closed and drained.
  void run(bool received) {
    std::optional<T> value;
    if (received) value = room_.take();
    if constexpr (takes_optional<Handler, T>()) {
      handler_(std::move(value));
    } else if constexpr (std::is_invocable_v<Handler&, T>) {
      static_assert(std::default_initializable<T>,
                    "on_receive: a closed channel has no T{} to give: take std::optional<T>");
      handler_(value.has_value() ? std::move(*value) : T{});
    } else {
      handler_();
    }
  }

 private:
  HeldChannel<Channel> channel_;
  Handler handler_;
  Room<T> room_;
};

template <class Channel, class Handler>
class SendCase {
  using T = typename std::remove_cvref_t<Channel>::Value;

 public:
  static constexpr SelectKind kind = SelectKind::channel;
  static constexpr bool sends = true;

  SendCase(Channel&& channel, T value, Handler handler)
      : channel_(std::forward<Channel>(channel)),
        value_(std::move(value)),
        handler_(std::move(handler)) {}
  SendCase(const SendCase&) = delete;
  SendCase& operator=(const SendCase&) = delete;

  ChannelCore* core() const { return ChannelAccess::core(channel_); }
  void* element() { return &value_; }
  void run(bool) { handler_(); }

 private:
  HeldChannel<Channel> channel_;
  T value_;
  Handler handler_;
};

template <class Handler>
class DefaultCase {
 public:
  static constexpr SelectKind kind = SelectKind::no_wait;

  explicit DefaultCase(Handler handler) : handler_(std::move(handler)) {}
  void run(bool) { handler_(); }

 private:
  Handler handler_;
};

template <class Handler>
class TimeoutCase {
 public:
  static constexpr SelectKind kind = SelectKind::timeout;

  TimeoutCase(Duration timeout, Handler handler)
      : timeout_(timeout), handler_(std::move(handler)) {}
  const Duration& timeout() const { return timeout_; }
  void run(bool) { handler_(); }

 private:
  Duration timeout_;
  Handler handler_;
};

template <SelectKind wanted, class... Cases>
inline constexpr size_t cases_of = (size_t{std::remove_cvref_t<Cases>::kind == wanted} + ... + 0);

// The number of the channel case taken, or select_default, and what run() wants to know.
struct Taken {
  int index;
  bool success;
};

// Calls `fn` with the case if it is one on a channel.
template <class Case, class Fn>
void with_channel_case(Case& each, Fn fn) {
  if constexpr (Case::kind == SelectKind::channel) fn(each);
}

// Writes a case down for the core: the next node, or the timeout.
template <class Case>
void describe(Case& each, SelectCase* nodes, size_t& filled, const Duration*& timeout) {
  if constexpr (Case::kind == SelectKind::channel) {
    SelectCase& node = nodes[filled++];
    node.core = each.core();
    node.element = each.element();
    node.sends = Case::sends;
  } else if constexpr (Case::kind == SelectKind::timeout) {
    timeout = &each.timeout();
  }
}

// Runs the handler of the case taken and says so, or steps over the case.
template <class Case>
bool run_if_taken(Case& each, Taken taken, int& channel, size_t& position) {
  bool mine;
  if constexpr (Case::kind == SelectKind::channel)
    mine = channel++ == taken.index;
  else
    mine = taken.index < 0;
  if (mine)
    each.run(taken.success);
  else
    ++position;
  return mine;
}

// What one look at a case's channel saw; null for a nil channel.
struct Glance {
  const ChannelCore* core = nullptr;
  uint64_t word = 0;
  bool blocks = true;
};
template <class Case>
void glance_at(const Case& each, Glance* glances, size_t& filled) {
  if constexpr (Case::kind == SelectKind::channel) {
    Glance& glance = glances[filled++];
    glance.core = each.core();
    if (glance.core == nullptr) return;
    ChannelStatus status = glance.core->status();
    glance.word = status.word();
    glance.blocks = Case::sends ? status.send_blocks(uint32_t(glance.core->capacity()))
                                : status.receive_blocks();
  }
}

// Several channels and a default: whether at one moment nothing could go ahead; no locks. False
// says nothing. The argument is written at unchanged() in select_core.cc.
template <class... Cases>
bool saw_nothing_ready(const Cases&... cases) {
  Glance glances[cases_of<SelectKind::channel, Cases...>];
  size_t filled = 0;
  (..., glance_at(cases, glances, filled));
  bool nothing = true;
  for (const Glance& glance : glances) nothing = nothing && glance.blocks;
  for (const Glance& glance : glances)
    nothing = nothing && (glance.core == nullptr || glance.core->status().word() == glance.word);
  return nothing;
}

// One channel and a default: nothing to choose, nobody to wait for.
template <class Case>
Taken try_only(Case& only) {
  ChannelCore* core = only.core();
  if (core == nullptr || (Case::sends ? core->send_blocks() : core->receive_blocks()))
    return {select_default, false};
  Attempt attempt =
      Case::sends ? core->try_send(only.element()) : core->try_receive(only.element());
  if (attempt == Attempt::blocked) return {select_default, false};
  return {0, attempt == Attempt::done};
}

// One channel and nothing else: the plain operation.
template <class Case>
Taken wait_only(Case& only) {
  ChannelCore* core = only.core();
  if (core == nullptr) block_forever(runtime::WaitReason::select_no_cases);
  if constexpr (Case::sends) {
    core->send(only.element());
    return {0, true};
  } else {
    return {0, core->receive(only.element())};
  }
}

// Decides a select and does what it decided, up to the handler.
template <class... Cases>
Taken take_one(Cases&... cases) {
  constexpr size_t channels = cases_of<SelectKind::channel, Cases...>;
  constexpr bool has_default = cases_of<SelectKind::no_wait, Cases...> > 0;
  constexpr bool has_timeout = cases_of<SelectKind::timeout, Cases...> > 0;
  if constexpr (channels == 1 && !has_timeout) {
    Taken taken;
    (..., with_channel_case(cases, [&](auto& only) {
       if constexpr (has_default)
         taken = try_only(only);
       else
         taken = wait_only(only);
     }));
    return taken;
  } else {
    if constexpr (has_default && channels > 0)
      if (saw_nothing_ready(cases...)) return {select_default, false};
    std::array<SelectCase, channels> nodes;
    const Duration* timeout = nullptr;
    size_t filled = 0;
    (..., describe(cases, nodes.data(), filled, timeout));
    int index = select(nodes.data(), channels, has_default, timeout);
    if constexpr (channels > 0)
      return {index, index >= 0 && nodes[size_t(index)].success};
    else
      return {index, false};
  }
}

}  // namespace sluice::internal
