// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/import_row.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "apps/payments/payment_core/field.h"

namespace payments_cmd {
namespace {

using payment_core::CreatePayment;
using payment_core::CreateRefund;
using payment_core::Currency;
using payment_core::field_error;
using payment_core::Money;
using sluice::Code;
using sluice::Error;
using sluice::Result;

enum Column { type, key, payment_key, payer, payee, amount, currency, country, text, columns };

using Fields = std::vector<std::string>;

constexpr size_t header_shown_max = 200;

Result<Money> read_amount(const Fields& fields) {
  if (fields[currency].empty()) return field_error("currency", "is required");
  Result<Currency> parsed = Currency::parse(fields[currency]);
  if (!parsed) return field_error("currency", std::string{parsed.error().message()});
  if (fields[amount].empty()) return field_error("amount", "is required");
  Result<Money> money = Money::parse(fields[amount], *parsed);
  if (!money) return field_error("amount", std::string{money.error().message()});
  SLUICE_TRY(payment_core::check_amount(money->minor()));
  return money;
}

Result<void> expect_empty(const Fields& fields, Column column, const char* name) {
  if (fields[column].empty()) return {};
  return field_error(name, "must be empty in a " + fields[type]);
}

Result<ImportRow> parse_payment(const Fields& fields) {
  SLUICE_TRY(expect_empty(fields, payment_key, "payment_key"));
  SLUICE_TRY(payment_core::check_account("payer", fields[payer]));
  SLUICE_TRY(payment_core::check_account("payee", fields[payee]));
  if (fields[payer] == fields[payee])
    return field_error("payee", "must be another account than payer");
  const Money money = SLUICE_TRY(read_amount(fields));
  if (!fields[country].empty()) SLUICE_TRY(payment_core::check_country(fields[country]));
  SLUICE_TRY(payment_core::check_text("text", fields[text]));
  return ImportRow{.key = fields[key],
                   .payment_key = fields[key],
                   .request = CreatePayment{.payer = fields[payer],
                                            .payee = fields[payee],
                                            .amount = money,
                                            .country = fields[country],
                                            .reference = fields[text]}};
}

Result<ImportRow> parse_refund(const Fields& fields) {
  SLUICE_TRY(expect_empty(fields, payer, "payer"));
  SLUICE_TRY(expect_empty(fields, payee, "payee"));
  SLUICE_TRY(expect_empty(fields, country, "country"));
  if (fields[payment_key].empty()) return field_error("payment_key", "is required");
  SLUICE_TRY(payment_core::check_text("text", fields[text]));
  CreateRefund refund{.reason = fields[text]};
  if (!fields[amount].empty() || !fields[currency].empty()) {
    refund.amount_minor = SLUICE_TRY(read_amount(fields)).minor();
    refund.currency = fields[currency];
  }
  return ImportRow{
      .key = fields[key], .payment_key = fields[payment_key], .request = std::move(refund)};
}

}  // namespace

Result<void> check_import_header(const Fields& fields) {
  std::string found;
  for (const std::string& field : fields) found += (found.empty() ? "" : ",") + field;
  if (found == import_header) return {};
  std::string missing;
  for (std::string_view rest = import_header; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    if (std::ranges::find(fields, name) == fields.end())
      missing += (missing.empty() ? "" : ", ") + std::string{name};
  }
  return Error{Code::invalid_argument,
               std::string{"the columns must be "} + import_header +
                   (missing.empty() ? ", in this order" : "; missing: " + missing) +
                   "; found: " + found.substr(0, header_shown_max)};
}

Result<ImportRow> parse_import_row(const Fields& fields) {
  if (fields.size() != columns)
    return Error{Code::invalid_argument, "expected " + std::to_string(columns) +
                                             " columns, found " + std::to_string(fields.size())};
  SLUICE_TRY(payment_core::check_idempotency_key(fields[key]).transform_error([](Error error) {
    return field_error("idempotency_key", std::string{error.message()});
  }));
  if (fields[type] == "payment") return parse_payment(fields);
  if (fields[type] == "refund") return parse_refund(fields);
  return field_error("type",
                     "must be payment or refund, not \"" + fields[type].substr(0, 32) + "\"");
}

}  // namespace payments_cmd
