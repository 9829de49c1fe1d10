// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/id.h"

#include <array>
#include <chrono>
#include <cstdio>

#include "sluice/base/random.h"
#include "sluice/base/time.h"

namespace payment_core {
namespace {

constexpr std::string_view base32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr int time_digits = 10;
constexpr size_t random_digits = 16;

}  // namespace

std::string make_id(std::string_view prefix) {
  std::array<std::byte, random_digits> random;
  sluice::fill_random(random);
  std::string id{prefix};
  const int64_t time = unix_milliseconds();
  for (int digit = time_digits - 1; digit >= 0; --digit)
    id += base32[static_cast<size_t>(time >> (5 * digit)) & 31];
  for (std::byte byte : random) id += base32[static_cast<size_t>(byte) & 31];
  return id;
}

int64_t unix_milliseconds() {
  return std::chrono::floor<std::chrono::milliseconds>(sluice::wall()).time_since_epoch().count();
}

std::string to_rfc3339(int64_t milliseconds) {
  using namespace std::chrono;
  const sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds{milliseconds}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  char text[40];
  const int length = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return {text, static_cast<size_t>(length)};
}

}  // namespace payment_core
