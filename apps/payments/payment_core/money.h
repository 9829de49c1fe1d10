// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "apps/payments/payment_core/currency.h"
#include "sluice/base/result.h"

namespace payment_core {

// An amount of one currency in its minor unit (cents, yen, fils). Arithmetic is checked: nothing
// wraps around, nothing is rounded, two currencies never mix.
class Money {
 public:
  Money(int64_t minor, Currency currency) : minor_(minor), currency_(currency) {}

  // Reads "12.50" by the currency's exponent: at most that many decimals, an optional minus, no
  // grouping, no plus, no exponent.
  // Errors: invalid_argument (not a number, too many decimals), out_of_range (beyond 64 bits).
  static sluice::Result<Money> parse(std::string_view decimal, Currency currency);

  int64_t minor() const { return minor_; }
  Currency currency() const { return currency_; }

  // "12.50", "1250" for JPY, "1.250" for BHD.
  std::string to_decimal() const;

  // Errors: failed_precondition (two currencies), out_of_range (beyond 64 bits).
  sluice::Result<Money> plus(Money other) const;
  sluice::Result<Money> minus(Money other) const;
  sluice::Result<Money> negated() const;

  friend bool operator==(const Money&, const Money&) = default;

 private:
  sluice::Result<void> check_same_currency(Money other) const;

  int64_t minor_;
  Currency currency_;
};

}  // namespace payment_core
