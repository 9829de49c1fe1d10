// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/base/result.h"

namespace payment_core {

// An ISO 4217 currency: a number into the table of codes, so it is two bytes and compares at once.
class Currency {
 public:
  // Errors: invalid_argument, when `code` is not an active code of ISO 4217 in upper case.
  static sluice::Result<Currency> parse(std::string_view code);

  // The number of currencies; index() is below it.
  static size_t count();

  // "EUR". Valid for ever.
  std::string_view code() const;

  // Digits after the decimal point: 2 for EUR, 0 for JPY, 3 for BHD.
  int exponent() const;

  // 10 to the exponent().
  int64_t minor_per_major() const;

  size_t index() const { return index_; }
  friend bool operator==(Currency, Currency) = default;

 private:
  explicit Currency(size_t index) : index_(static_cast<uint16_t>(index)) {}

  uint16_t index_;
};

}  // namespace payment_core
