// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace sluice::http::internal {

// The bytes received and not yet used. Bytes below the pin (a message's head, which views point
// into) stay where they are until release_pin().
class ReadBuffer {
 public:
  static constexpr size_t initial_bytes = 8 * 1024;

  std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  void consume(size_t bytes) { begin_ += bytes; }

  // Consumes a head and pins it.
  void consume_pinned(size_t bytes) {
    begin_ += bytes;
    pin_ = begin_;
  }
  void release_pin() {
    pin_ = 0;
    retired_.reset();
  }

  // Room for at least `bytes_min` more bytes; commit() says how many arrived.
  std::span<char> prepare(size_t bytes_min = 1) {
    if (begin_ == end_) begin_ = end_ = pin_;
    if (capacity_ - end_ < bytes_min) make_room(bytes_min);
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void commit(size_t bytes) { end_ += bytes; }

  // Back to an empty buffer of the initial size at most.
  void reset() {
    begin_ = end_ = 0;
    release_pin();
    if (capacity_ > initial_bytes) {
      bytes_.reset();
      capacity_ = 0;
    }
  }

 private:
  void make_room(size_t bytes_min) {
    size_t used = end_ - begin_;
    if (pin_ == 0 && capacity_ - used >= bytes_min && used <= capacity_ / 2) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, used);
    } else {
      size_t wanted = std::max({initial_bytes, capacity_ * (pin_ == 0 ? 2 : 1), used + bytes_min});
      auto fresh = std::make_unique_for_overwrite<char[]>(wanted);
      if (used > 0) std::memcpy(fresh.get(), bytes_.get() + begin_, used);
      // Views may point into the old memory, but only one generation of them.
      if (pin_ != 0) retired_ = std::move(bytes_);
      bytes_ = std::move(fresh);
      capacity_ = wanted;
      pin_ = 0;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> bytes_;
  std::unique_ptr<char[]> retired_;  // what a pin held when the buffer had to move
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t pin_ = 0;  // 0: nothing is pinned here
};

}  // namespace sluice::http::internal
