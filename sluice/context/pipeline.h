// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/runtime/go.h"

namespace sluice {

// Building blocks of pipelines: goroutines that read channels and write channels.
//
// Each block ends when its input does or the context does, whichever is first, and closes its
// output when its last goroutine has nothing left to do. So no goroutine stays behind if every
// output is either read to its close, or its context ends; who stops reading early must cancel the
// context. Once the context has ended, values on their way are dropped.
// Source: "Go Concurrency Patterns: Pipelines and cancellation", go.dev/blog/pipelines.

// A channel that can be received from: Channel<T> or ReceiveChannel<T>.
template <class C>
concept Receivable = std::convertible_to<C, ReceiveChannel<typename C::Value>>;

// Sends, or gives up when the context ends first; says whether the value was sent.
template <class T>
bool send_until(const Context& context, const SendChannel<T>& channel,
                std::type_identity_t<T> value) {
  if (context.cancelled()) return false;
  if (channel.try_send(std::move(value))) return true;
  return select(on_receive(context.done()), on_send(channel, std::move(value))) == 1;
}

namespace internal {

// A channel that is closed with its owner.
template <class T>
struct ClosedAtLast {
  explicit ClosedAtLast(size_t capacity) : channel(capacity) {}
  ClosedAtLast(const ClosedAtLast&) = delete;
  ClosedAtLast& operator=(const ClosedAtLast&) = delete;
  ~ClosedAtLast() { channel.close(); }

  const Channel<T> channel;
};

// The output of a block, shared by its goroutines; closed with the last of them. The channel is a
// base, so that it closes after `work` has gone: who sees the close may free what `work` refers to.
template <class T, class Work = std::nullptr_t>
struct PipelineOutput : ClosedAtLast<T> {
  explicit PipelineOutput(size_t capacity, Work work = {})
      : ClosedAtLast<T>(capacity), work(std::move(work)) {}

  Work work;
};

template <class T>
struct WithoutOptional {
  using Type = T;
  static constexpr bool was_optional = false;
};
template <class T>
struct WithoutOptional<std::optional<T>> {
  using Type = T;
  static constexpr bool was_optional = true;
};

// One goroutine that hands the values of `input` on.
template <class T>
void forward(const Context& context, ReceiveChannel<T> input,
             std::shared_ptr<PipelineOutput<T>> output) {
  go([context, input = std::move(input), output = std::move(output)] {
    SendChannel<T> out = output->channel;
    for (T& value : input.until(context))
      if (!send_until(context, out, std::move(value))) break;
  });
}

}  // namespace internal

struct StageOptions {
  size_t workers = 1;   // goroutines; with more than one, results come in any order
  size_t capacity = 0;  // of the output
};

// The values of a range, in order. The range is moved in; its elements are moved out of it.
template <std::ranges::input_range Range, class T = std::ranges::range_value_t<Range>>
ReceiveChannel<T> source(const Context& context, Range range, size_t capacity = 0) {
  using Output = internal::PipelineOutput<T, Range>;
  auto output = std::make_shared<Output>(capacity, std::move(range));
  ReceiveChannel<T> result = output->channel;
  go([context, output = std::move(output)] {
    SendChannel<T> out = output->channel;
    for (auto&& value : output->work)
      if (!send_until(context, out, T(std::move(value)))) break;
  });
  return result;
}

// fn(value) of every value of `input`. If `fn` returns std::optional, nullopt passes nothing on.
// `fn` is one object, called by all workers at once, and destroyed with the last of them.
template <Receivable In, class Fn>
auto stage(const Context& context, const In& input, Fn fn, StageOptions options = {}) {
  using T = typename In::Value;
  using Returned = internal::WithoutOptional<std::invoke_result_t<Fn&, T>>;
  using U = typename Returned::Type;
  using Output = internal::PipelineOutput<U, Fn>;
  auto output = std::make_shared<Output>(options.capacity, std::move(fn));
  ReceiveChannel<U> result = output->channel;
  for (size_t i = 0; i < options.workers; ++i)
    go([context, input = ReceiveChannel<T>(input), output] {
      SendChannel<U> out = output->channel;
      for (T& value : input.until(context)) {
        if constexpr (Returned::was_optional) {
          std::optional<U> made = std::invoke(output->work, std::move(value));
          if (made.has_value() && !send_until(context, out, std::move(*made))) break;
        } else {
          if (!send_until(context, out, std::invoke(output->work, std::move(value)))) break;
        }
      }
    });
  return result;
}

// The values of all the inputs in one channel, each input in its own order.
template <class T>
ReceiveChannel<T> merge(const Context& context, std::vector<ReceiveChannel<T>> inputs,
                        size_t capacity = 0) {
  auto output = std::make_shared<internal::PipelineOutput<T>>(capacity);
  ReceiveChannel<T> result = output->channel;
  for (ReceiveChannel<T>& input : inputs) internal::forward(context, std::move(input), output);
  return result;
}

// merge() of channels that have names of their own.
template <Receivable First, Receivable... Rest>
ReceiveChannel<typename First::Value> fan_in(const Context& context, const First& first,
                                             const Rest&... rest) {
  using T = typename First::Value;
  static_assert((std::same_as<T, typename Rest::Value> && ...), "fan_in: one type of element");
  return merge(context, std::vector<ReceiveChannel<T>>{first, rest...});
}

// Deals the values of `input` out to `ways` channels: each value to one of them, whichever has room
// first.
template <Receivable In>
auto fan_out(const Context& context, const In& input, size_t ways, size_t capacity = 0) {
  using T = typename In::Value;
  std::vector<ReceiveChannel<T>> outputs;
  for (size_t i = 0; i < ways; ++i) {
    auto output = std::make_shared<internal::PipelineOutput<T>>(capacity);
    outputs.push_back(output->channel);
    internal::forward<T>(context, input, std::move(output));
  }
  return outputs;
}

}  // namespace sluice
