// SPDX-License-Identifier: Apache-2.0

#include "sluice/json/writer.h"

#include <charconv>
#include <cmath>

#include "sluice/base/assert.h"
#include "sluice/base/utf8.h"
#include "sluice/json/value.h"

namespace sluice::json {
namespace {

// Bytes that stand for themselves in a JSON string (RFC 8259 7: all but ", \ and below U+0020), as
// far as one byte can tell: what is not ASCII is looked at as a sequence.
constexpr bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

// The letter of a two-character escape, or 0.
constexpr char short_escape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

template <class T>
void append_number(std::string& out, T number) {
  char digits[32];  // -1.7976931348623157e+308 has 24
  const std::to_chars_result result = std::to_chars(digits, digits + sizeof(digits), number);
  out.append(digits, static_cast<size_t>(result.ptr - digits));
}

void write(Writer& writer, const Value& value) {
  switch (value.kind()) {
    case Kind::null:
      writer.null();
      break;
    case Kind::boolean:
      writer.value(*value.as_bool());
      break;
    case Kind::int64:
      writer.value(*value.as_int64());
      break;
    case Kind::uint64:
      writer.value(*value.as_uint64());
      break;
    case Kind::real:
      writer.value(*value.as_double());
      break;
    case Kind::string:
      writer.value(*value.as_string());
      break;
    case Kind::array:
      writer.begin_array();
      for (const Value& element : value.elements()) write(writer, element);
      writer.end_array();
      break;
    case Kind::object:
      writer.begin_object();
      for (const Member& member : value.members()) write(writer.key(member.key), member.value);
      writer.end_object();
      break;
  }
}

}  // namespace

// What was written last tells whether a comma is due: strings end in a quote, so a bracket or colon
// at the end is never part of one.
void Writer::before_value() {
  const char last = out_.size() == start_ ? '\0' : out_.back();
  if (depth_ == 0) {
    SLUICE_ASSERT(last == '\0', "a second value at the top");
    return;
  }
  if (in_object()) {
    SLUICE_ASSERT(last == ':', "a value without a key in an object");
    return;
  }
  if (last != '[') out_ += ',';
}

void Writer::begin(char bracket) {
  before_value();
  SLUICE_ASSERT(depth_ < depth_max, "JSON nested too deeply");
  const uint64_t bit = uint64_t{1} << (depth_ % 64);
  uint64_t& word = objects_[depth_ / 64];
  word = bracket == '{' ? word | bit : word & ~bit;
  ++depth_;
  out_ += bracket;
}

void Writer::end(char bracket) {
  SLUICE_ASSERT(depth_ > 0, "an end without a begin");
  SLUICE_ASSERT(in_object() == (bracket == '}'), "an end of the other kind");
  SLUICE_ASSERT(out_.back() != ':', "a key without a value");
  --depth_;
  out_ += bracket;
}

Writer& Writer::begin_object() { return begin('{'), *this; }
Writer& Writer::end_object() { return end('}'), *this; }
Writer& Writer::begin_array() { return begin('['), *this; }
Writer& Writer::end_array() { return end(']'), *this; }

Writer& Writer::key(std::string_view name) {
  SLUICE_ASSERT(in_object(), "a key outside of an object");
  SLUICE_ASSERT(out_.back() != ':', "a key without a value");
  if (out_.back() != '{') out_ += ',';
  string(name);
  out_ += ':';
  return *this;
}

void Writer::string(std::string_view text) {
  out_ += '"';
  size_t done = 0;  // text before it is in out_
  size_t i = 0;
  const auto flush = [&] { out_.append(text.data() + done, i - done); };
  while (i < text.size()) {
    const char c = text[i];
    if (is_plain(c)) {
      ++i;
      continue;
    }
    if (const size_t length = utf8_sequence(text.substr(i)); length > 1) {
      i += length;
      continue;
    }
    flush();
    if (const char letter = short_escape(c)) {
      out_ += '\\';
      out_ += letter;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char hex[] = "0123456789abcdef";
      out_ += "\\u00";
      out_ += hex[static_cast<unsigned char>(c) >> 4];
      out_ += hex[static_cast<unsigned char>(c) & 15];
    } else {
      out_ += "\xEF\xBF\xBD";  // U+FFFD for a byte that is no UTF-8
    }
    done = ++i;
  }
  flush();
  out_ += '"';
}

Writer& Writer::value(std::string_view text) {
  before_value();
  string(text);
  return *this;
}

Writer& Writer::value(bool boolean) {
  before_value();
  out_ += boolean ? "true" : "false";
  return *this;
}

Writer& Writer::integer(int64_t number) {
  before_value();
  append_number(out_, number);
  return *this;
}

Writer& Writer::integer(uint64_t number) {
  before_value();
  append_number(out_, number);
  return *this;
}

Writer& Writer::value(double number) {
  if (!std::isfinite(number)) return null();
  before_value();
  const size_t begin = out_.size();
  append_number(out_, number);
  // A real stays one when it is read back.
  if (out_.find_first_of(".e", begin) == std::string::npos) out_ += ".0";
  return *this;
}

Writer& Writer::null() {
  before_value();
  out_ += "null";
  return *this;
}

Writer& Writer::raw(std::string_view json) {
  before_value();
  out_ += json;
  return *this;
}

Writer& Writer::value(const Value& value) {
  write(*this, value);
  return *this;
}

std::string to_string(const Value& value) {
  std::string out;
  Writer(out).value(value);
  return out;
}

}  // namespace sluice::json
