// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "apps/payments/payment_core/payment.h"
#include "sluice/base/error.h"

namespace payment_core {

// The JSON that clients and webhooks see. Amounts are integers in minor units; "display" repeats
// them as decimals for people. Times are RFC 3339 in UTC.

std::string to_json(const Payment& payment);
std::string to_json(const Refund& refund, const Payment& payment);
std::string to_json(const Account& account);
std::string to_json(const EntryPage& page);

// {"error":{"code":"INVALID_ARGUMENT","message":"amount: must be above zero","field":"amount"}}
std::string to_json(const sluice::Error& error);

// The body of an event; `data` is JSON.
std::string event_json(std::string_view id, std::string_view type, int64_t created_at,
                       std::string_view data);

}  // namespace payment_core
