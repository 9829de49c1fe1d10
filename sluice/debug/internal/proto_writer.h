// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace sluice::debug::internal {

// Appends fields in protobuf's wire format (protobuf.dev, "Encoding"). A message within a message
// is a ProtoWriter of its own, appended as bytes(). Zero and "" are written like any other value.
class ProtoWriter {
 public:
  // A varint field: int64, uint64, bool, enum.
  void number(int field, uint64_t value) {
    key(field, 0);
    varint(value);
  }
  // A fixed64 field, little-endian.
  void fixed64(int field, uint64_t value) {
    key(field, 1);
    for (int i = 0; i < 8; ++i, value >>= 8) text_ += static_cast<char>(value & 0xff);
  }
  // A length-delimited one: string, bytes, message.
  void bytes(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    text_ += value;
  }
  void message(int field, const ProtoWriter& value) { bytes(field, value.text_); }
  // A packed repeated varint field.
  void numbers(int field, std::span<const uint64_t> values) {
    ProtoWriter packed;
    for (uint64_t value : values) packed.varint(value);
    message(field, packed);
  }

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  // Begins anew, with the memory that it has.
  void clear() { text_.clear(); }

 private:
  void key(int field, int wire_type) { varint(static_cast<uint64_t>(field << 3 | wire_type)); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>(value | 0x80);
    text_ += static_cast<char>(value);
  }

  std::string text_;
};

}  // namespace sluice::debug::internal
