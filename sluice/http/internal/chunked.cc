// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/chunked.h"

#include <algorithm>
#include <charconv>

#include "sluice/http/internal/chars.h"

namespace sluice::http::internal {
namespace {

constexpr uint32_t extension_bytes_max = 4096;

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    if (state_ == State::data) {
      std::string_view data = bytes.substr(at, size_t(std::min<uint64_t>(left_, bytes.size())));
      left_ -= data.size();
      if (left_ == 0) state_ = State::data_cr;
      return {Event::data, at + data.size(), data, {}};
    }
    if (state_ == State::end) return {Event::end, at, {}, {}};
    if (!on_byte(bytes[at++])) return {Event::error, at, {}, "malformed chunk"};
    if (state_ == State::end) return {Event::end, at, {}, {}};
  }
  return {Event::incomplete, at, {}, {}};
}

bool ChunkedDecoder::on_byte(char c) {
  switch (state_) {
    case State::size_first:
    case State::size:
      if (int digit = hex_digit(c); digit >= 0) {
        if (++digits_ > 16) return false;
        left_ = left_ << 4 | uint64_t(digit);
        state_ = State::size;
        return true;
      }
      return state_ == State::size && on_line_part_end(c);
    case State::size_end:
      if (c != '\n') return false;
      digits_ = 0;
      state_ = left_ == 0 ? State::end : State::data;
      return true;
    case State::data_cr:
      state_ = State::data_lf;
      return c == '\r';
    case State::data_lf:
      state_ = State::size_first;
      return c == '\n';
    default:
      return ++extension_bytes_ <= extension_bytes_max && on_extension_byte(c);
  }
}

// RFC 9112 7.1.1: *( ";" token [ "=" ( token / quoted-string ) ] ), without the bad white space.
bool ChunkedDecoder::on_extension_byte(char c) {
  switch (state_) {
    case State::extension_name_first:
      state_ = State::extension_name;
      return is(c, kToken);
    case State::extension_name:
      if (is(c, kToken)) return true;
      if (c != '=') return on_line_part_end(c);
      state_ = State::extension_value_first;
      return true;
    case State::extension_value_first:
      state_ = c == '"' ? State::extension_quoted : State::extension_token;
      return c == '"' || is(c, kToken);
    case State::extension_token:
      return is(c, kToken) || on_line_part_end(c);
    case State::extension_quoted:
      if (c == '"') state_ = State::extension_quoted_end;
      if (c == '\\') state_ = State::extension_escape;
      return is(c, kValue);
    case State::extension_escape:
      state_ = State::extension_quoted;
      return is(c, kValue);
    case State::extension_quoted_end:
      return on_line_part_end(c);
    default:
      return false;
  }
}

bool ChunkedDecoder::on_line_part_end(char c) {
  if (c == ';') {
    state_ = State::extension_name_first;
    return true;
  }
  state_ = State::size_end;
  return c == '\r';
}

size_t write_chunk_size(uint64_t size, std::span<char> out) {
  char* end = std::to_chars(out.data(), out.data() + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return size_t(end - out.data());
}

}  // namespace sluice::http::internal
