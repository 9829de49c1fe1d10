// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/request.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/base/assert.h"

// A request's body: any bytes give a request or an error; what is accepted is sound, and means the
// same after a round trip.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body{reinterpret_cast<const char*>(data), size};
  if (const auto payment = payment_core::parse_create_payment(body)) {
    SLUICE_ASSERT(payment->amount.minor() > 0 && payment->payer != payment->payee);
    const auto again = payment_core::parse_create_payment(payment_core::to_json(*payment));
    SLUICE_ASSERT(again.has_value() && again->canonical() == payment->canonical());
  }
  if (const auto refund = payment_core::parse_create_refund("pay_1", body)) {
    const auto again = payment_core::parse_create_refund("pay_1", payment_core::to_json(*refund));
    SLUICE_ASSERT(again.has_value() && again->canonical() == refund->canonical());
  }
  return 0;
}
