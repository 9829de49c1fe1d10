// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <string_view>

#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/head.h"

namespace sluice::http::internal {

// A position in the bytes received so far, for the head parsers.
struct Cursor {
  const char* begin;
  const char* at;
  const char* end;

  explicit Cursor(std::string_view bytes)
      : begin(bytes.data()), at(bytes.data()), end(bytes.data() + bytes.size()) {}

  bool done() const { return at == end; }
  size_t offset() const { return size_t(at - begin); }

  std::string_view take_while(CharClass wanted) {
    const char* start = at;
    while (at < end && is(*at, wanted)) ++at;
    return {start, size_t(at - start)};
  }
};

enum class LineEnd { found, incomplete, bad };

// Steps over CRLF. Bare CR and bare LF are bad (RFC 9112 2.2 lets a recipient be that strict).
inline LineEnd take_line_end(Cursor& cursor) {
  if (cursor.done()) return LineEnd::incomplete;
  if (cursor.at[0] != '\r') return LineEnd::bad;
  if (cursor.end - cursor.at < 2) return LineEnd::incomplete;
  if (cursor.at[1] != '\n') return LineEnd::bad;
  cursor.at += 2;
  return LineEnd::found;
}

// Steps over as much of `text` as is there. False: the bytes differ.
inline bool take_literal(Cursor& cursor, std::string_view text, bool& incomplete) {
  size_t there = std::min(text.size(), size_t(cursor.end - cursor.at));
  if (std::string_view(cursor.at, there) != text.substr(0, there)) return false;
  incomplete = there < text.size();
  cursor.at += there;
  return true;
}

// Parses fields up to and with the empty line; calls `on_field(name, value) -> Parsed` for each,
// which stops by answering with an error. Complete answers count from cursor.begin.
template <class OnField>
Parsed parse_fields(Cursor& cursor, const HeadLimits& limits, Headers& headers, OnField on_field) {
  for (;;) {
    if (cursor.done()) return {};
    if (*cursor.at == '\r') {
      switch (take_line_end(cursor)) {
        case LineEnd::found:
          return Parsed::complete(cursor.offset());
        case LineEnd::incomplete:
          return {};
        case LineEnd::bad:
          return Parsed::error(400, "bare CR in the header");
      }
    }
    // RFC 9112 5.2: line folding is obsolete; here it is the only way a line starts with a space.
    if (*cursor.at == ' ' || *cursor.at == '\t') return Parsed::error(400, "folded header line");
    std::string_view name = cursor.take_while(kToken);
    if (cursor.done()) return {};
    // RFC 9112 5.1: no white space between name and colon.
    if (*cursor.at != ':' || name.empty()) return Parsed::error(400, "malformed header name");
    ++cursor.at;
    const char* start = cursor.at;
    cursor.at += value_prefix(cursor.at, cursor.end);
    const char* stop = cursor.at;
    switch (take_line_end(cursor)) {
      case LineEnd::found:
        break;
      case LineEnd::incomplete:
        return {};
      case LineEnd::bad:
        return Parsed::error(400, "control character in a header value");
    }
    std::string_view value = trim({start, size_t(stop - start)});
    if (headers.size() == limits.fields_max) return Parsed::error(431, "too many header fields");
    headers.add_view(name, value);
    if (Parsed verdict = on_field(name, value); verdict.status == Parsed::Status::error)
      return verdict;
  }
}

// Applies the limit on the head's size to a verdict.
inline Parsed bounded(Parsed verdict, std::string_view bytes, const HeadLimits& limits) {
  if (verdict.status == Parsed::Status::error) return verdict;
  size_t size = verdict.status == Parsed::Status::complete ? verdict.consumed : bytes.size();
  return size > limits.head_bytes_max ? Parsed::error(431, "header section too large") : verdict;
}

}  // namespace sluice::http::internal
