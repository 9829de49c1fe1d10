// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::http::internal {

// Character classes of RFC 9110 and RFC 3986, one bit each.
enum CharClass : uint8_t {
  kToken = 1,   // RFC 9110 5.6.2: tchar
  kTarget = 2,  // RFC 3986: pchar, "/" and "?"; "%" included, its digits are checked apart
  kHost = 4,    // RFC 3986 3.2.2: reg-name without percent-encoding
  kQuoted = 8,  // RFC 9110 5.6.4: qdtext
  kValue = 16,  // RFC 9110 5.5: field-vchar, SP, HTAB
  kQuery = 32,  // kTarget and what browsers leave unescaped in a query (WHATWG URL 1.3)
};

constexpr std::array<uint8_t, 256> make_char_classes() {
  std::array<uint8_t, 256> table{};
  auto mark = [&](std::string_view set, uint8_t bits) {
    for (char c : set) table[uint8_t(c)] |= bits;
  };
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  mark(letters, kToken | kTarget | kHost | kQuery);
  mark("0123456789", kToken | kTarget | kHost | kQuery);
  mark("!#$%&'*+-.^_`|~", kToken);
  mark("-._~%!$&'()*+,;=:@/?", kTarget | kQuery);
  mark("[]{}|^`\\", kQuery);
  mark("-._~!$&'()*+,;=", kHost);
  for (int c = 0x20; c < 256; ++c)
    if (c != 0x7f) table[size_t(c)] |= kValue | (c != '"' && c != '\\' ? kQuoted : 0);
  mark("\t", kValue | kQuoted);
  return table;
}

inline constexpr std::array<uint8_t, 256> char_classes = make_char_classes();

inline bool is(char c, CharClass wanted) { return (char_classes[uint8_t(c)] & wanted) != 0; }

inline bool all_are(std::string_view text, CharClass wanted) {
  for (char c : text)
    if (!is(c, wanted)) return false;
  return true;
}

// The length of the longest prefix of field-value bytes. Eight at a time while no byte is a control
// (a tab or an actual control drops to the byte loop).
inline size_t value_prefix(const char* begin, const char* end) {
  constexpr uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
  const char* at = begin;
  while (end - at >= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    uint64_t below_space = (word - ones * 0x20) & ~word & highs;
    uint64_t del = word ^ (ones * 0x7f);
    uint64_t is_del = (del - ones) & ~del & highs;
    if ((below_space | is_del) != 0) break;
    at += 8;
  }
  while (at < end && is(*at, kValue)) ++at;
  return size_t(at - begin);
}

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; }

// ASCII case-insensitive equality.
inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

// The value of a hexadecimal digit, or -1.
inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Removes optional white space (RFC 9110 5.6.3) at both ends.
inline std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls `each` with every non-empty element of a comma-separated list (RFC 9110 5.6.1).
template <class Each>
void for_each_element(std::string_view list, Each each) {
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string_view element = trim(list.substr(0, comma));
    if (!element.empty()) each(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// Unsigned decimal without sign, spaces or overflow. False: not that.
inline bool parse_decimal(std::string_view text, uint64_t& value) {
  if (text.empty() || text.size() > 19) return false;  // 19 digits always fit 64 bits
  value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + uint64_t(c - '0');
  }
  return true;
}

}  // namespace sluice::http::internal
