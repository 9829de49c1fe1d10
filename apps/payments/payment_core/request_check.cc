// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <string>

#include "apps/payments/payment_core/field.h"
#include "apps/payments/payment_core/request.h"

namespace payment_core {
namespace {

using sluice::Result;

constexpr size_t account_bytes_max = 64;
constexpr size_t key_bytes_max = 255;
constexpr size_t text_bytes_max = 200;

bool is_account_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':';
}

}  // namespace

// The fields hold no control characters, so a line break cannot be part of one.
std::string CreatePayment::canonical() const {
  return "payment\n" + payer + "\n" + payee + "\n" + std::to_string(amount.minor()) + "\n" +
         std::string{amount.currency().code()} + "\n" + country + "\n" + reference;
}

std::string CreateRefund::canonical() const {
  return "refund\n" + payment_id + "\n" + (amount_minor ? std::to_string(*amount_minor) : "rest") +
         "\n" + currency + "\n" + reason;
}

Result<void> check_idempotency_key(std::string_view key) {
  constexpr const char* field = "Idempotency-Key";
  if (key.empty()) return field_error(field, "the header is required");
  if (key.size() > key_bytes_max) return field_error(field, "longer than 255 characters");
  if (!std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; }))
    return field_error(field, "only visible ASCII characters are allowed");
  return {};
}

Result<void> check_account(const char* field, std::string_view value) {
  if (value.empty()) return field_error(field, "must not be empty");
  if (value.size() > account_bytes_max) return field_error(field, "longer than 64 characters");
  if (!std::ranges::all_of(value, is_account_character))
    return field_error(field, "only letters, digits and _ - . : are allowed");
  return {};
}

Result<void> check_amount(int64_t minor) {
  if (minor <= 0) return field_error("amount", "must be above zero");
  if (minor > amount_minor_max)
    return field_error("amount", "must be at most " + std::to_string(amount_minor_max));
  return {};
}

Result<void> check_country(std::string_view value) {
  const bool letters = std::ranges::all_of(value, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (value.size() != 2 || !letters)
    return field_error("country", "must be two capital letters (ISO 3166)");
  return {};
}

Result<void> check_text(const char* field, std::string_view value) {
  if (value.size() > text_bytes_max) return field_error(field, "longer than 200 bytes");
  if (std::ranges::any_of(value, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }))
    return field_error(field, "control characters are not allowed");
  return {};
}

}  // namespace payment_core
