// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::http::internal {

// Keeps short strings at stable addresses until clear(). The first block survives clear(), so that
// a reused arena allocates nothing. Not thread-safe.
class Arena {
 public:
  char* allocate(size_t bytes) {
    if (bytes > left_) grow(bytes);
    char* at = next_;
    next_ += bytes;
    left_ -= bytes;
    return at;
  }

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* at = allocate(text.size());
    std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }

  void clear() {
    if (blocks_.empty()) return;
    if (blocks_.size() > 1) blocks_.resize(1);
    next_ = blocks_.front().bytes.get();
    left_ = blocks_.front().size;
  }

  Arena() = default;
  Arena(Arena&& other) noexcept { swap(other); }
  Arena& operator=(Arena&& other) noexcept {
    swap(other);
    return *this;
  }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size;
  };

  void grow(size_t bytes) {
    size_t size = std::max<size_t>(bytes, 512);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    next_ = blocks_.back().bytes.get();
    left_ = size;
  }

  void swap(Arena& other) {
    blocks_.swap(other.blocks_);
    std::swap(next_, other.next_);
    std::swap(left_, other.left_);
  }

  std::vector<Block> blocks_;
  char* next_ = nullptr;  // free bytes of the last block
  size_t left_ = 0;
};

}  // namespace sluice::http::internal
