// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/assert.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace sluice {
namespace {

// A line on the stack: whatever state the heap is in, the reason can still be told.
class Line {
 public:
  Line& operator<<(std::string_view text) {
    const size_t room = sizeof(text_) - 1 - size_;  // 1: the newline
    const size_t n = text.size() < room ? text.size() : room;
    if (n != 0) std::memcpy(text_ + size_, text.data(), n);
    size_ += n;
    return *this;
  }

  Line& operator<<(int number) {
    char digits[16];
    const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number);
    return *this << std::string_view(digits, static_cast<size_t>(end - digits));
  }

  [[noreturn]] void print_and_abort() {
    text_[size_++] = '\n';
    // Nothing is left to do when standard error is gone.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text_, size_);
    std::abort();
  }

 private:
  char text_[2048];
  size_t size_ = 0;
};

}  // namespace

void fatal(std::string_view message) {
  Line line;
  line << "sluice: fatal: " << message;
  line.print_and_abort();
}

namespace internal {

void assertion_failed(const char* file, int line_number, const char* condition,
                      std::string_view message) {
  Line line;
  line << "sluice: " << file << ":" << line_number << ": assertion failed: " << condition;
  if (!message.empty()) line << ": " << message;
  line.print_and_abort();
}

}  // namespace internal
}  // namespace sluice
