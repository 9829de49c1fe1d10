// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::runtime {

// Text in somebody else's memory, for those who must not allocate. It grows by lines: a line that
// does not fit is left out as a whole, and so are all after it; finish() says how many.
class FixedText {
 public:
  // `capacity`: more than note_bytes_max.
  FixedText(char* memory, size_t capacity)
      : memory_(memory), capacity_(capacity - note_bytes_max) {}
  FixedText(const FixedText&) = delete;
  FixedText& operator=(const FixedText&) = delete;

  void add(std::string_view text) {
    if (text.size() > capacity_ - size_) {
      overflowed_ = true;
      return;
    }
    text.copy(memory_ + size_, text.size());
    size_ += text.size();
  }
  template <std::integral Number>
  void add(Number number) {
    char digits[24];
    auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
    add(std::string_view(digits, end));
  }
  // " name=value"
  template <class Value>
  void field(std::string_view name, Value value) {
    add(" ");
    add(name);
    add("=");
    add(value);
  }

  void end_line() {
    add("\n");
    if (!overflowed_) {
      line_begin_ = size_;
      return;
    }
    size_ = line_begin_;
    ++left_out_;
  }

  // The whole text; nothing may be added afterwards.
  std::string_view finish() {
    size_ = line_begin_;
    if (left_out_ != 0) {
      capacity_ += note_bytes_max;
      overflowed_ = false;
      add("  ... ");
      add(left_out_);
      add(" more lines\n");
    }
    return {memory_, size_};
  }

  static constexpr size_t note_bytes_max = 64;

 private:
  char* memory_;
  size_t capacity_;
  size_t size_ = 0;
  size_t line_begin_ = 0;
  uint64_t left_out_ = 0;
  bool overflowed_ = false;
};

}  // namespace sluice::runtime
