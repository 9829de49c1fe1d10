// SPDX-License-Identifier: Apache-2.0

#include "sluice/json/internal/fault.h"

#include <charconv>
#include <string>
#include <system_error>

#include "sluice/base/utf8.h"

namespace sluice::json::internal {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// The power of ten of a number's first digit that is not 0; 0 for a zero. `fraction` excludes the
// point, `exponent` is as written.
int64_t magnitude(std::string_view whole, std::string_view fraction, std::string_view exponent) {
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  int64_t power = 0;
  const auto read = std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
  if (read.ec == std::errc::result_out_of_range || power > 1'000'000'000 || power < -1'000'000'000)
    power = exponent.starts_with('-') ? -1'000'000'000 : 1'000'000'000;
  if (const size_t first = whole.find_first_not_of('0'); first != std::string_view::npos)
    return power + static_cast<int64_t>(whole.size() - first - 1);
  const size_t first = fraction.find_first_not_of('0');
  return first == std::string_view::npos ? 0 : power - static_cast<int64_t>(first) - 1;
}

// A cursor over the text. Its steps return whether they went well; when not, fault() says why.
class Scanner {
 public:
  Scanner(std::string_view text, uint32_t depth_max) : text_(text), depth_max_(depth_max) {}

  bool document();
  Fault fault() const { return {at_, what_}; }

 private:
  bool fail(std::string_view what) {
    what_ = what;
    return false;
  }
  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void space() {
    while (!done() && std::string_view(" \t\n\r").contains(text_[at_])) ++at_;
  }
  std::string_view digits() {
    const size_t begin = at_;
    while (!done() && is_digit(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool scalar();
  bool word(std::string_view word);
  bool number();
  bool string();
  bool escape();
  bool hex4(unsigned& unit);
  bool key();
  bool close();

  std::string_view text_;
  size_t at_ = 0;
  std::string_view what_;
  uint32_t depth_max_;
  std::string open_;  // the brackets that are open, each as its end
};

bool Scanner::document() {
  // One turn of the loop is one value, or the begin of one, with what must follow.
  for (;;) {
    space();
    const char c = peek();
    if (c == '{' || c == '[') {
      if (open_.size() == depth_max_) return fail("nested too deeply");
      ++at_;
      open_ += c == '{' ? '}' : ']';
      space();
      if (!take(open_.back())) {
        if (c == '{' && !key()) return false;
        continue;
      }
      open_.pop_back();
    } else if (!scalar()) {
      return false;
    }
    if (!close()) return false;
    if (open_.empty()) return done() ? true : fail("unexpected text behind the document");
  }
}

// Behind a value: the ends of what it completes, then a comma (and a key), or the document's end.
bool Scanner::close() {
  for (;;) {
    space();
    if (open_.empty()) return true;
    if (take(open_.back())) {
      open_.pop_back();
      continue;
    }
    if (!take(',')) return fail(open_.back() == '}' ? "expected , or }" : "expected , or ]");
    return open_.back() == '}' ? key() : true;
  }
}

bool Scanner::key() {
  space();
  if (peek() != '"') return fail("expected a key in quotes");
  if (!string()) return false;
  space();
  return take(':') || fail("expected :");
}

bool Scanner::scalar() {
  switch (peek()) {
    case '"':
      return string();
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    default:
      return number();
  }
}

bool Scanner::word(std::string_view word) {
  if (!text_.substr(at_).starts_with(word)) return fail("expected a value");
  at_ += word.size();
  return true;
}

bool Scanner::number() {
  const size_t begin = at_;
  take('-');
  const std::string_view whole = digits();
  if (whole.empty()) return fail(at_ == begin ? "expected a value" : "expected a digit");
  if (whole.size() > 1 && whole[0] == '0') {
    at_ -= whole.size() - 1;
    return fail("a number with a leading 0");
  }
  std::string_view fraction;
  if (take('.')) {
    fraction = digits();
    if (fraction.empty()) return fail("expected a digit");
  }
  const bool has_exponent = take('e') || take('E');
  const size_t exponent = at_;
  if (has_exponent) {
    if (!take('+')) take('-');
    if (digits().empty()) return fail("expected a digit");
  }
  const char* first = text_.data() + begin;
  const char* last = text_.data() + at_;
  std::from_chars_result read;
  if (fraction.empty() && !has_exponent) {
    int64_t negative = 0;
    uint64_t positive = 0;
    read = *first == '-' ? std::from_chars(first, last, negative)
                         : std::from_chars(first, last, positive);
    if (read.ec == std::errc{}) return true;
  } else {
    double real = 0;
    read = std::from_chars(first, last, real);
    // What is too small is read as 0.
    if (read.ec == std::errc{} ||
        magnitude(whole, fraction, text_.substr(exponent, at_ - exponent)) < 0)
      return true;
  }
  at_ = begin;
  return fail("a number out of range");
}

bool Scanner::string() {
  ++at_;
  while (!done()) {
    const char c = text_[at_];
    if (c == '"') return ++at_, true;
    if (c == '\\') {
      if (!escape()) return false;
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) return fail("a control character in a string");
    const size_t length = utf8_sequence(text_.substr(at_));
    if (length == 0) return fail("not UTF-8");
    at_ += length;
  }
  return fail("a string without its end");
}

bool Scanner::escape() {
  const size_t begin = at_++;
  if (done()) return fail("a string without its end");
  const char c = text_[at_++];
  if (std::string_view("\"\\/bfnrt").contains(c)) return true;
  unsigned unit = 0;
  unsigned low = 0;
  if (c == 'u' && hex4(unit)) {
    if (unit < 0xD800 || unit > 0xDFFF) return true;
    // RFC 8259 7: beyond the basic plane, a pair of surrogates, high before low.
    if (unit < 0xDC00 && take('\\') && take('u') && hex4(low) && low >= 0xDC00 && low <= 0xDFFF)
      return true;
    at_ = begin;
    return fail("half of a surrogate pair");
  }
  at_ = begin;
  return fail("an unknown escape");
}

bool Scanner::hex4(unsigned& unit) {
  for (int i = 0; i < 4; ++i, ++at_)
    if (done() || !is_hex(text_[at_])) return false;
  return std::from_chars(text_.data() + at_ - 4, text_.data() + at_, unit, 16).ec == std::errc{};
}

}  // namespace

std::optional<Fault> find_fault(std::string_view text, uint32_t depth_max) {
  Scanner scanner(text, depth_max);
  if (scanner.document()) return std::nullopt;
  return scanner.fault();
}

}  // namespace sluice::json::internal
