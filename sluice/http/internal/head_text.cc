// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/head_text.h"

#include <charconv>
#include <chrono>
#include <cstring>

#include "sluice/base/time.h"
#include "sluice/http/method.h"

namespace sluice::http::internal {
namespace {

constexpr std::string_view days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_digits(char* out, int value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = char('0' + value % 10);
  return out + digits;
}

}  // namespace

std::string_view DateLine::now() { return at(std::chrono::system_clock::to_time_t(wall())); }

std::string_view DateLine::at(std::time_t seconds) {
  if (seconds == rendered_) return {text_, size_};
  std::tm time{};
  ::gmtime_r(&seconds, &time);
  char* out = put(text_, "Date: ");
  out = put(put(out, days[time.tm_wday]), ", ");
  out = put(put_digits(out, time.tm_mday, 2), " ");
  out = put(put(out, months[time.tm_mon]), " ");
  out = put(put_digits(out, time.tm_year + 1900, 4), " ");
  out = put(put_digits(out, time.tm_hour, 2), ":");
  out = put(put_digits(out, time.tm_min, 2), ":");
  out = put(put_digits(out, time.tm_sec, 2), " GMT\r\n");
  rendered_ = seconds;
  size_ = size_t(out - text_);
  return {text_, size_};
}

void append_status_line(std::string& out, int status) {
  if (status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
    return;
  }
  out += "HTTP/1.1 ";
  char digits[3];
  put_digits(digits, status, 3);
  out.append(digits, 3);
  out += ' ';  // RFC 9112 4: stays, even when no reason follows
  out += reason_phrase(status);
  out += "\r\n";
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void append_number_field(std::string& out, std::string_view name, uint64_t value) {
  char digits[20];
  char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  append_field(out, name, {digits, size_t(end - digits)});
}

}  // namespace sluice::http::internal
