// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <utility>

#include "sluice/base/time.h"
#include "sluice/chan/channel.h"
#include "sluice/chan/internal/select_case.h"
#include "sluice/chan/internal/select_core.h"

namespace sluice {

// The cases of a select(). Channels given as variables are referred to, temporaries are kept.

// Receives from `channel`. The handler takes std::optional<T> (nullopt: closed and drained), or T
// (a closed channel gives T{}, as in Go), or nothing.
template <internal::CanReceiveFrom Channel, class Handler = internal::Nothing>
auto on_receive(Channel&& channel, Handler handler = {}) {
  return internal::ReceiveCase<Channel, Handler>(std::forward<Channel>(channel),
                                                 std::move(handler));
}

// Sends `value` to `channel`. If the case is not taken, the value goes with the case.
template <internal::CanSendTo Channel, class Handler = internal::Nothing>
auto on_send(Channel&& channel, typename std::remove_cvref_t<Channel>::Value value,
             Handler handler = {}) {
  return internal::SendCase<Channel, Handler>(std::forward<Channel>(channel), std::move(value),
                                              std::move(handler));
}

// Taken if no other case can go ahead at once.
template <class Handler = internal::Nothing>
auto on_default(Handler handler = {}) {
  return internal::DefaultCase<Handler>(std::move(handler));
}

// Taken when no other case could go ahead for `timeout`; zero or less: at once. Waiting needs a
// Runtime, whose timers it uses.
template <class Handler = internal::Nothing>
auto on_timeout(Duration timeout, Handler handler = {}) {
  return internal::TimeoutCase<Handler>(timeout, std::move(handler));
}

// Go's select: waits until one of the cases can go ahead, does it, runs its handler, and returns
// its position among the arguments. Channels and values are evaluated once, before anything is
// tried.
//
// Of several ready cases each is equally likely. Cases on nil channels are never ready; select()
// with none but those waits for ever. Handlers run last, when the select holds nothing any more:
// they may block, select again, and throw. Ends the process with "send on closed channel" if it
// takes a send on a closed channel. At most 64 channel cases; one of on_default and on_timeout,
// once.
template <internal::SelectCaseType... Cases>
size_t select(Cases&&... cases) {
  constexpr size_t channels = internal::cases_of<internal::SelectKind::channel, Cases...>;
  static_assert(channels <= internal::select_cases_max, "select: at most 64 channel cases");
  static_assert(sizeof...(Cases) - channels <= 1, "select: one on_default or on_timeout, once");

  [[maybe_unused]] internal::Taken taken = internal::take_one(cases...);
  size_t position = 0;
  [[maybe_unused]] int channel = 0;
  (void)(... || internal::run_if_taken(cases, taken, channel, position));
  return position;
}

}  // namespace sluice
