// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/money.h"

namespace payment_core {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;

Error malformed(std::string_view decimal) {
  return Error{Code::invalid_argument,
               "\"" + std::string{decimal.substr(0, 32)} + "\" is not a decimal amount"};
}

Error overflow() { return Error{Code::out_of_range, "the amount does not fit in 64 bits"}; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Appends a digit to a number that grows downwards, because the lowest int64 has no positive twin.
bool append_digit(int64_t& negative, int digit) {
  return !__builtin_mul_overflow(negative, 10, &negative) &&
         !__builtin_sub_overflow(negative, digit, &negative);
}

}  // namespace

Result<Money> Money::parse(std::string_view decimal, Currency currency) {
  std::string_view rest = decimal;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  const size_t point = rest.find('.');
  const std::string_view whole = rest.substr(0, point);
  std::string_view fraction;
  if (point != std::string_view::npos) {
    fraction = rest.substr(point + 1);
    if (fraction.empty()) return malformed(decimal);
  }
  if (whole.empty()) return malformed(decimal);
  for (std::string_view part : {whole, fraction})
    for (char c : part)
      if (!is_digit(c)) return malformed(decimal);
  const auto exponent = static_cast<size_t>(currency.exponent());
  if (fraction.size() > exponent)
    return Error{Code::invalid_argument, std::string{currency.code()} + " has " +
                                             std::to_string(exponent) + " decimals, \"" +
                                             std::string{decimal.substr(0, 32)} + "\" has " +
                                             std::to_string(fraction.size())};
  int64_t minor = 0;
  for (char c : whole)
    if (!append_digit(minor, c - '0')) return overflow();
  for (size_t i = 0; i < exponent; ++i)
    if (!append_digit(minor, i < fraction.size() ? fraction[i] - '0' : 0)) return overflow();
  if (!negative && __builtin_sub_overflow(int64_t{0}, minor, &minor)) return overflow();
  return Money{minor, currency};
}

std::string Money::to_decimal() const {
  // Unsigned, so that the lowest int64 has a magnitude.
  const uint64_t magnitude = minor_ < 0 ? 0 - static_cast<uint64_t>(minor_) : minor_;
  std::string digits = std::to_string(magnitude);
  const auto exponent = static_cast<size_t>(currency_.exponent());
  if (digits.size() <= exponent) digits.insert(0, exponent + 1 - digits.size(), '0');
  if (exponent > 0) digits.insert(digits.size() - exponent, 1, '.');
  return minor_ < 0 ? "-" + digits : digits;
}

Result<void> Money::check_same_currency(Money other) const {
  if (currency_ == other.currency_) return {};
  return Error{Code::failed_precondition, "cannot mix " + std::string{currency_.code()} + " and " +
                                              std::string{other.currency_.code()}};
}

Result<Money> Money::plus(Money other) const {
  SLUICE_TRY(check_same_currency(other));
  int64_t sum = 0;
  if (__builtin_add_overflow(minor_, other.minor_, &sum)) return overflow();
  return Money{sum, currency_};
}

Result<Money> Money::minus(Money other) const {
  SLUICE_TRY(check_same_currency(other));
  int64_t difference = 0;
  if (__builtin_sub_overflow(minor_, other.minor_, &difference)) return overflow();
  return Money{difference, currency_};
}

Result<Money> Money::negated() const { return Money{0, currency_}.minus(*this); }

}  // namespace payment_core
