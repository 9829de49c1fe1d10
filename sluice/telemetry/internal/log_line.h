// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/telemetry/log.h"

namespace sluice::internal {

// One line of the log, on the stack. What does not fit is left out as a whole: no character, escape
// or key is cut in two.
class LogLine {
 public:
  LogLine(std::chrono::system_clock::time_point time, Level level, std::string_view message);

  void add(const Field& field);

  // The whole line with its newline; lives as long as this object. The last call.
  std::string_view finish();

 private:
  static constexpr size_t line_bytes_max = 4096;  // PIPE_BUF
  // Room that is kept for what finish() adds.
  static constexpr std::string_view truncated_mark = "\" truncated=true\n";
  static constexpr size_t text_bytes_max = line_bytes_max - truncated_mark.size();

  void put(std::string_view piece);
  void put_key(std::string_view key);
  void put_value(std::string_view text);
  void put_escaped(std::string_view text);
  void put_time(std::chrono::system_clock::time_point time);
  void put_duration(int64_t nanoseconds);
  template <class T, class... Format>
  void put_number(T number, Format... format);

  size_t size_ = 0;
  bool truncated_ = false;  // something did not fit; all that follows is left out
  bool in_quotes_ = false;
  char text_[line_bytes_max];
};

}  // namespace sluice::internal
