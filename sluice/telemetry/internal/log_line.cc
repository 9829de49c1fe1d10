// SPDX-License-Identifier: Apache-2.0

#include "sluice/telemetry/internal/log_line.h"

#include <charconv>
#include <cstring>
#include <string>

#include "sluice/base/error.h"
#include "sluice/base/utf8.h"

namespace sluice::internal {
namespace {

uint32_t code_point(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  uint32_t point = sequence.size() == 1 ? lead : lead & (0x7Fu >> sequence.size());
  for (const char c : sequence.substr(1)) point = point << 6 | (static_cast<uint32_t>(c) & 0x3F);
  return point;
}

// Characters that break a line, steer a terminal or turn the order of what follows: the control
// characters, line and paragraph separators, and the bidirectional marks, embeddings and isolates.
bool is_control(uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x061C ||
         (point >= 0x200E && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0xFEFF;
}

// The first character of `text`: how many bytes it has, and whether it may stand as it is.
struct Character {
  size_t size;
  bool is_plain;
};
Character first_character(std::string_view text) {
  const size_t size = utf8_sequence(text);
  if (size == 0) return {1, false};
  const uint32_t point = code_point(text.substr(0, size));
  return {size, !is_control(point) && point != '"' && point != '\\'};
}

bool is_all_plain(std::string_view text, std::string_view special) {
  while (!text.empty()) {
    const Character character = first_character(text);
    if (!character.is_plain || special.contains(text[0])) return false;
    text.remove_prefix(character.size);
  }
  return true;
}

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == '/';
}

// Two digits with a leading zero, and so on.
std::string_view padded(char* digits, unsigned number, size_t width) {
  for (size_t i = width; i-- > 0; number /= 10) digits[i] = static_cast<char>('0' + number % 10);
  return {digits, width};
}

}  // namespace

LogLine::LogLine(std::chrono::system_clock::time_point time, Level level,
                 std::string_view message) {
  put_time(time);
  put(" ");
  put(name_of(level));
  put(" ");
  // A message may have blanks, but nothing that a reader could take for a field.
  if (is_all_plain(message, "=")) {
    while (!message.empty()) {
      const size_t size = first_character(message).size;
      put(message.substr(0, size));
      message.remove_prefix(size);
    }
  } else {
    put_value(message);
  }
}

void LogLine::add(const Field& field) {
  put_key(field.key_);
  switch (field.kind_) {
    case Field::Kind::text:
      return put_value(field.text_);
    case Field::Kind::integer:
      return put_number(field.integer_);
    case Field::Kind::natural:
      return put_number(field.natural_);
    case Field::Kind::real:
      return put_number(field.real_);
    case Field::Kind::duration:
      return put_duration(field.integer_);
    case Field::Kind::error:
      return put_value(field.error_->to_string());
  }
}

std::string_view LogLine::finish() {
  std::string_view end = "\n";
  if (truncated_) end = in_quotes_ ? truncated_mark : truncated_mark.substr(1);
  std::memcpy(text_ + size_, end.data(), end.size());
  return {text_, size_ + end.size()};
}

void LogLine::put(std::string_view piece) {
  if (truncated_ || piece.size() > text_bytes_max - size_) {
    truncated_ = true;
    return;
  }
  if (!piece.empty()) std::memcpy(text_ + size_, piece.data(), piece.size());
  size_ += piece.size();
}

// The key with its blank and its =, whole or not at all.
void LogLine::put_key(std::string_view key) {
  constexpr size_t key_bytes_max = 64;
  char piece[key_bytes_max + 2];
  size_t size = 0;
  piece[size++] = ' ';
  for (const char c : key.substr(0, key_bytes_max)) piece[size++] = is_key_character(c) ? c : '_';
  piece[size++] = '=';
  put({piece, size});
}

void LogLine::put_value(std::string_view text) {
  if (text.size() <= text_bytes_max && !text.empty() && is_all_plain(text, " =")) return put(text);
  put("\"");
  in_quotes_ = !truncated_;
  put_escaped(text);
  put("\"");
  in_quotes_ = in_quotes_ && truncated_;
}

void LogLine::put_escaped(std::string_view text) {
  while (!text.empty() && !truncated_) {
    const Character character = first_character(text);
    const std::string_view sequence = text.substr(0, character.size);
    text.remove_prefix(character.size);
    if (character.is_plain) {
      put(sequence);
      continue;
    }
    const char c = sequence[0];
    if (c == '"' || c == '\\') {
      const char escape[] = {'\\', c};
      put({escape, sizeof(escape)});
    } else if (c == '\n' || c == '\r' || c == '\t') {
      put(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
    } else {
      // \xHH: a byte that is no UTF-8, or below U+0080; \uHHHH: a character.
      const bool is_byte = sequence.size() == 1;
      const uint32_t number = is_byte ? static_cast<unsigned char>(c) : code_point(sequence);
      char escape[6] = {'\\', is_byte ? 'x' : 'u'};
      const size_t size = is_byte ? 4 : 6;
      for (size_t i = size, rest = number; i-- > 2; rest >>= 4)
        escape[i] = "0123456789abcdef"[rest & 15];
      put({escape, size});
    }
  }
}

void LogLine::put_time(std::chrono::system_clock::time_point time) {
  // Not gmtime_r: it takes the lock of the time zones.
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const auto rest = floor<microseconds>(time - day);
  const hh_mm_ss clock(rest);
  char digits[8];
  put(padded(digits, static_cast<unsigned>(static_cast<int>(date.year())), 4));
  put("-");
  put(padded(digits, static_cast<unsigned>(date.month()), 2));
  put("-");
  put(padded(digits, static_cast<unsigned>(date.day()), 2));
  put("T");
  put(padded(digits, static_cast<unsigned>(clock.hours().count()), 2));
  put(":");
  put(padded(digits, static_cast<unsigned>(clock.minutes().count()), 2));
  put(":");
  put(padded(digits, static_cast<unsigned>(clock.seconds().count()), 2));
  put(".");
  put(padded(digits, static_cast<unsigned>(clock.subseconds().count()), 6));
  put("Z");
}

void LogLine::put_duration(int64_t nanoseconds) {
  struct Unit {
    int64_t nanoseconds;
    std::string_view name;
  };
  constexpr Unit units[] = {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
  for (const Unit& unit : units) {
    // Compared on both sides of 0, since the least number has no negative.
    if (nanoseconds > -unit.nanoseconds && nanoseconds < unit.nanoseconds && unit.nanoseconds != 1)
      continue;
    put_number(static_cast<double>(nanoseconds) / static_cast<double>(unit.nanoseconds),
               std::chars_format::general, 6);
    return put(unit.name);
  }
}

template <class T, class... Format>
void LogLine::put_number(T number, Format... format) {
  char digits[32];
  const auto result = std::to_chars(digits, digits + sizeof(digits), number, format...);
  put({digits, static_cast<size_t>(result.ptr - digits)});
}

}  // namespace sluice::internal
