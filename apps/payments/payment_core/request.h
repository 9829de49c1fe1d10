// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apps/payments/payment_core/money.h"
#include "sluice/base/result.h"

namespace payment_core {

// What clients ask for, checked: a value of these types is sound in itself.

// The largest amount of one payment, in minor units: ten thousand of them fit in a balance.
inline constexpr int64_t amount_minor_max = 1'000'000'000'000'000;

struct CreatePayment {
  std::string payer;
  std::string payee;
  Money amount;
  std::string country;    // may be empty
  std::string reference;  // may be empty

  // One text per meaning: two requests are the same if and only if their texts are.
  std::string canonical() const;
};

struct CreateRefund {
  std::string payment_id;
  std::optional<int64_t> amount_minor;  // none: all that is left
  std::string currency;                 // if given, must be the payment's
  std::string reason;                   // may be empty

  std::string canonical() const;
};

// Read a request's JSON body: one object, known members only.
//   payment: payer, payee, amount (integer, minor units), currency; optional country, reference
//   refund:  all optional: amount, currency, reason; an empty body refunds all that is left
// Errors: invalid_argument, with a Field where one member is to blame.
sluice::Result<CreatePayment> parse_create_payment(std::string_view body);
sluice::Result<CreateRefund> parse_create_refund(std::string payment_id, std::string_view body);

// The body that asks for it: what clients send.
std::string to_json(const CreatePayment& payment);
std::string to_json(const CreateRefund& refund);

// 1 to 255 visible ASCII characters.
// Errors: invalid_argument, Field "Idempotency-Key".
sluice::Result<void> check_idempotency_key(std::string_view key);

// Rules for single fields, for other inputs than JSON. Errors: invalid_argument with the Field.
sluice::Result<void> check_account(const char* field, std::string_view value);
sluice::Result<void> check_amount(int64_t minor);
sluice::Result<void> check_country(std::string_view value);
sluice::Result<void> check_text(const char* field, std::string_view value);

}  // namespace payment_core
