// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "sluice/http/headers.h"

namespace sluice::http::internal {

// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" (RFC 9110 5.6.7), rendered once per second.
class DateLine {
 public:
  // The line for the wall clock's present second.
  std::string_view now();
  std::string_view at(std::time_t seconds);

 private:
  std::time_t rendered_ = -1;
  char text_[40];
  size_t size_ = 0;
};

// The pieces of a message's head, appended to `out`.
void append_status_line(std::string& out, int status);
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_number_field(std::string& out, std::string_view name, uint64_t value);

}  // namespace sluice::http::internal
