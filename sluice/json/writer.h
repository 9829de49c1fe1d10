// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::json {

class Value;

// Appends one JSON value to a string, without white space; nothing but that string allocates.
//
//   std::string body;
//   json::Writer writer(body);
//   writer.begin_object();
//   writer.field("id", id).field("amount", 1250);
//   writer.key("items").begin_array();
//   for (const Item& item : items) writer.value(item.name);
//   writer.end_array();
//   writer.end_object();
//
// Commas and colons are its own business. A key without a value, a value without a key, and ends
// that do not match their begins are bugs and end the process (except for what only the missing end
// of the outermost value would show).
// Strings that are not UTF-8 get U+FFFD for each bad byte, so that the output always is.
// Thread-safety: none. Source: RFC 8259.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out), start_(out.size()) {}

  Writer& begin_object();
  Writer& end_object();
  Writer& begin_array();
  Writer& end_array();

  // The name of the next value, inside of an object.
  Writer& key(std::string_view name);

  Writer& value(std::string_view text);
  Writer& value(const char* text) { return value(std::string_view(text)); }
  Writer& value(bool boolean);
  Writer& value(const void*) = delete;  // else a pointer would be a boolean
  template <std::integral T>
    requires(!std::same_as<T, char>)
  Writer& value(T number) {
    if constexpr (std::signed_integral<T>)
      return integer(static_cast<int64_t>(number));
    else
      return integer(static_cast<uint64_t>(number));
  }
  Writer& value(double number);  // the shortest text that reads back the same; NaN and ±∞: null
  Writer& value(const Value& value);
  Writer& null();

  // JSON that is known to be one valid value, as it is.
  Writer& raw(std::string_view json);

  template <class T>
  Writer& field(std::string_view name, const T& field_value) {
    return key(name).value(field_value);
  }

 private:
  static constexpr uint32_t depth_max = 1024;

  Writer& integer(int64_t number);
  Writer& integer(uint64_t number);
  void begin(char bracket);
  void end(char bracket);
  bool in_object() const {
    return depth_ > 0 && (objects_[(depth_ - 1) / 64] >> ((depth_ - 1) % 64)) & 1;
  }
  void before_value();
  void string(std::string_view text);

  std::string& out_;
  size_t start_;                           // where in out_ this value begins
  uint32_t depth_ = 0;                     // open brackets
  uint64_t objects_[depth_max / 64] = {};  // bit i: the bracket that is i deep is an object's
};

// The value as compact JSON.
std::string to_string(const Value& value);

}  // namespace sluice::json
