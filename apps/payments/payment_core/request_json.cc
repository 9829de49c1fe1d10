// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "apps/payments/payment_core/field.h"
#include "apps/payments/payment_core/request.h"
#include "sluice/json/value.h"
#include "sluice/json/writer.h"

namespace payment_core {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;
using sluice::json::Kind;
using sluice::json::Value;
using sluice::json::Writer;

Result<Value> parse_object(std::string_view body, std::initializer_list<std::string_view> known) {
  Result<Value> parsed = sluice::json::parse(body);
  if (!parsed) return wrap(parsed.error(), "the body is not valid JSON");
  if (parsed->kind() != Kind::object)
    return Error{Code::invalid_argument, "the body must be a JSON object"};
  for (const auto& [key, value] : parsed->members())
    if (std::ranges::find(known, key) == known.end())
      return field_error(std::string{key.substr(0, 64)}, "unknown member");
  return parsed;
}

// The member as a string; `otherwise` when it is missing and may be.
Result<std::string> read_string(const Value& body, const char* name, const char* otherwise) {
  const std::optional<Value> member = body.find(name);
  if (!member && otherwise != nullptr) return std::string{otherwise};
  if (!member) return field_error(name, "is required");
  if (member->kind() != Kind::string) return field_error(name, "must be a string");
  return std::string{SLUICE_TRY(member->as_string())};
}

Result<int64_t> read_amount(const Value& member) {
  if (member.kind() == Kind::uint64) return check_amount(INT64_MAX).error();
  if (member.kind() != Kind::int64)
    return field_error("amount", "must be an integer number of minor units (1250 for 12.50)");
  const int64_t minor = SLUICE_TRY(member.as_int64());
  SLUICE_TRY(check_amount(minor));
  return minor;
}

Result<Currency> read_currency(const std::string& code) {
  Result<Currency> currency = Currency::parse(code);
  if (!currency) return field_error("currency", std::string{currency.error().message()});
  return currency;
}

Result<void> check_payment(const CreatePayment& payment) {
  SLUICE_TRY(check_account("payer", payment.payer));
  SLUICE_TRY(check_account("payee", payment.payee));
  if (payment.payer == payment.payee)
    return field_error("payee", "must be another account than payer");
  if (!payment.country.empty()) SLUICE_TRY(check_country(payment.country));
  return check_text("reference", payment.reference);
}

}  // namespace

Result<CreatePayment> parse_create_payment(std::string_view body) {
  const Value object = SLUICE_TRY(
      parse_object(body, {"payer", "payee", "amount", "currency", "country", "reference"}));
  std::string payer = SLUICE_TRY(read_string(object, "payer", nullptr));
  std::string payee = SLUICE_TRY(read_string(object, "payee", nullptr));
  const std::optional<Value> amount = object.find("amount");
  if (!amount) return field_error("amount", "is required");
  const int64_t minor = SLUICE_TRY(read_amount(*amount));
  const Currency currency =
      SLUICE_TRY(read_currency(SLUICE_TRY(read_string(object, "currency", nullptr))));
  CreatePayment payment{.payer = std::move(payer),
                        .payee = std::move(payee),
                        .amount = Money{minor, currency},
                        .country = SLUICE_TRY(read_string(object, "country", "")),
                        .reference = SLUICE_TRY(read_string(object, "reference", ""))};
  SLUICE_TRY(check_payment(payment));
  return payment;
}

Result<CreateRefund> parse_create_refund(std::string payment_id, std::string_view body) {
  SLUICE_TRY(check_account("id", payment_id));
  CreateRefund refund{.payment_id = std::move(payment_id)};
  if (body.empty()) return refund;
  const Value object = SLUICE_TRY(parse_object(body, {"amount", "currency", "reason"}));
  if (const std::optional<Value> amount = object.find("amount"))
    refund.amount_minor = SLUICE_TRY(read_amount(*amount));
  refund.currency = SLUICE_TRY(read_string(object, "currency", ""));
  if (!refund.currency.empty()) SLUICE_TRY(read_currency(refund.currency));
  refund.reason = SLUICE_TRY(read_string(object, "reason", ""));
  SLUICE_TRY(check_text("reason", refund.reason));
  return refund;
}

std::string to_json(const CreatePayment& payment) {
  std::string out;
  Writer writer{out};
  writer.begin_object();
  writer.field("payer", payment.payer).field("payee", payment.payee);
  writer.field("amount", payment.amount.minor());
  writer.field("currency", payment.amount.currency().code());
  if (!payment.country.empty()) writer.field("country", payment.country);
  if (!payment.reference.empty()) writer.field("reference", payment.reference);
  writer.end_object();
  return out;
}

std::string to_json(const CreateRefund& refund) {
  std::string out;
  Writer writer{out};
  writer.begin_object();
  if (refund.amount_minor) writer.field("amount", *refund.amount_minor);
  if (!refund.currency.empty()) writer.field("currency", refund.currency);
  if (!refund.reason.empty()) writer.field("reason", refund.reason);
  writer.end_object();
  return out;
}

}  // namespace payment_core
