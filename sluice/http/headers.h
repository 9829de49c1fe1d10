// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "sluice/http/internal/arena.h"

namespace sluice::http {

// The header (or trailer) fields of one message, in the order they were added. Names compare
// case-insensitively (RFC 9110 5.1); a name may appear several times.
//
// add() and set() copy the text; a parsed message's fields are views into the connection's buffer
// and live as long as the message. Copying a Headers copies all text. Not thread-safe.
class Headers {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  Headers() = default;
  Headers(Headers&&) noexcept = default;
  Headers& operator=(Headers&&) noexcept = default;
  Headers(const Headers& other);
  Headers& operator=(const Headers& other);

  // Appends a field. The name must be a token and the value free of control characters
  // (RFC 9110 5.5): otherwise nothing is added and the answer is false, so that no caller's text
  // can inject a field.
  bool add(std::string_view name, std::string_view value);

  // Replaces all fields of that name by one. False as for add().
  bool set(std::string_view name, std::string_view value);

  // Removes all fields of that name; returns how many there were.
  size_t remove(std::string_view name);

  // Forgets all fields and keeps the memory.
  void clear();

  // Appends a field that was validated by a parser and whose bytes outlive this object.
  void add_view(std::string_view name, std::string_view value) { fields_.push_back({name, value}); }

  // The first value of that name; "" when there is none.
  std::string_view get(std::string_view name) const;
  bool contains(std::string_view name) const;
  size_t count(std::string_view name) const;

  size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
  internal::Arena text_;  // what add() and set() copied
};

}  // namespace sluice::http
