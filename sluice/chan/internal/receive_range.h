// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "sluice/chan/internal/core_ref.h"
#include "sluice/chan/internal/select_core.h"

namespace sluice::internal {

// The input iterator of a range-for over received values. `Source` has next(), which waits and
// yields nullopt at the end.
template <class T, class Source>
class ReceiveIterator {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  explicit ReceiveIterator(const Source* source) : source_(source), value_(source->next()) {}
  ReceiveIterator(ReceiveIterator&&) = default;
  ReceiveIterator& operator=(ReceiveIterator&&) = default;

  T& operator*() const { return *value_; }
  ReceiveIterator& operator++() {
    value_.reset();
    if (std::optional<T> value = source_->next()) value_.emplace(std::move(*value));
    return *this;
  }
  void operator++(int) { ++*this; }

  friend bool operator==(const ReceiveIterator& iterator, std::default_sentinel_t) {
    return !iterator.value_.has_value();
  }

 private:
  const Source* source_;
  mutable std::optional<T> value_;
};

// What until() returns: the values of a channel, up to its close or the end of `Done`.
// When both are at hand, the end wins: no value is taken that nobody would handle.
template <class T, class Channel, class Done>
class UntilRange {
 public:
  UntilRange(Channel channel, Done done) : channel_(std::move(channel)), done_(std::move(done)) {}

  auto begin() const { return ReceiveIterator<T, UntilRange>(this); }
  std::default_sentinel_t end() const { return {}; }

  std::optional<T> next() const {
    ChannelCore* done = ChannelAccess::core(done_);
    if (has_ended(done)) return std::nullopt;
    ChannelCore* core = ChannelAccess::core(channel_);
    if (core != nullptr && core->status().can_pop()) {
      // Another receiver may take it first: then wait for the next one.
      if (std::optional<T> value = core->try_receive<T>()) return value;
    }
    Room<T> room;
    if (!receive_until(core, done, &room.value)) return std::nullopt;
    return room.take();
  }

 private:
  Channel channel_;
  Done done_;
};

}  // namespace sluice::internal
