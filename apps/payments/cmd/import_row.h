// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <variant>
#include <vector>

#include "apps/payments/payment_core/request.h"
#include "sluice/base/result.h"

namespace payments_cmd {

// The columns of an import file; its first line must name them in this order.
inline constexpr const char* import_header =
    "type,idempotency_key,payment_key,payer,payee,amount,currency,country,text";

// A row of an import file, checked.
//   payment: type "payment", its idempotency key, payer, payee, amount as a decimal ("12.50", by
//            the currency's decimals), currency, perhaps a country and a reference (text)
//   refund:  type "refund", its idempotency key, the payment's idempotency key in payment_key,
//            amount and currency (both empty: all that is left), perhaps a reason (text)
// Columns that do not belong to the type must be empty.
struct ImportRow {
  std::string key;
  std::string payment_key;  // the payment that this row makes or refunds
  std::variant<payment_core::CreatePayment, payment_core::CreateRefund> request;
};

// Whether a file's first line names the columns.
// Errors: invalid_argument, saying which are missing, or what was found.
sluice::Result<void> check_import_header(const std::vector<std::string>& fields);

// Errors: invalid_argument, naming the column.
sluice::Result<ImportRow> parse_import_row(const std::vector<std::string>& fields);

}  // namespace payments_cmd
