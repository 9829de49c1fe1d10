// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/payment_json.h"

#include "apps/payments/payment_core/field.h"
#include "apps/payments/payment_core/id.h"
#include "sluice/json/writer.h"

namespace payment_core {
namespace {

using sluice::json::Writer;

std::string_view status_of(const Payment& payment) {
  if (payment.state == PaymentState::declined) return "declined";
  if (payment.refunded_minor == 0) return "captured";
  return payment.refunded_minor == payment.amount.minor() ? "refunded" : "partially_refunded";
}

void write_amount(Writer& writer, std::string_view name, Money amount) {
  writer.field(name, amount.minor());
  writer.field("currency", amount.currency().code());
  writer.field("display", amount.to_decimal());
}

void write_rules(Writer& writer, std::string_view rules) {
  writer.key("rules").begin_array();
  while (!rules.empty()) {
    const size_t comma = rules.find(',');
    writer.value(rules.substr(0, comma));
    rules.remove_prefix(comma == std::string_view::npos ? rules.size() : comma + 1);
  }
  writer.end_array();
}

void write_entry(Writer& writer, const Entry& entry) {
  writer.begin_object();
  writer.field("id", entry.id);
  writer.field("payment_id", entry.payment_id);
  if (entry.refund_id) writer.field("refund_id", *entry.refund_id);
  write_amount(writer, "amount", entry.amount);
  writer.field("balance_after", entry.balance_after.minor());
  writer.field("created_at", to_rfc3339(entry.created_at));
  writer.end_object();
}

}  // namespace

std::string to_json(const Payment& payment) {
  std::string out;
  out.reserve(512);
  Writer writer{out};
  writer.begin_object();
  writer.field("id", payment.id);
  writer.field("status", status_of(payment));
  writer.field("payer", payment.payer);
  writer.field("payee", payment.payee);
  write_amount(writer, "amount", payment.amount);
  writer.field("refunded", payment.refunded_minor);
  writer.field("country", payment.country);
  writer.field("reference", payment.reference);
  writer.key("risk").begin_object();
  writer.field("decision", payment.risk.decision);
  writer.field("score", payment.risk.score);
  write_rules(writer, payment.risk.rules);
  writer.field("decided_by", payment.risk.decided_by);
  writer.end_object();
  writer.field("created_at", to_rfc3339(payment.created_at));
  writer.end_object();
  return out;
}

std::string to_json(const Refund& refund, const Payment& payment) {
  std::string out;
  Writer writer{out};
  writer.begin_object();
  writer.field("id", refund.id);
  writer.field("payment_id", refund.payment_id);
  write_amount(writer, "amount", refund.amount);
  writer.field("reason", refund.reason);
  writer.field("payment_status", status_of(payment));
  writer.field("payment_refunded", payment.refunded_minor);
  writer.field("created_at", to_rfc3339(refund.created_at));
  writer.end_object();
  return out;
}

std::string to_json(const Account& account) {
  std::string out;
  Writer writer{out};
  writer.begin_object();
  writer.field("id", account.id);
  writer.key("balances").begin_array();
  for (const Balance& balance : account.balances) {
    writer.begin_object();
    write_amount(writer, "balance", balance.amount);
    writer.field("entries", balance.entries);
    writer.end_object();
  }
  writer.end_array();
  writer.field("created_at", to_rfc3339(account.created_at));
  writer.end_object();
  return out;
}

std::string to_json(const EntryPage& page) {
  std::string out;
  Writer writer{out};
  writer.begin_object();
  writer.key("entries").begin_array();
  for (const Entry& entry : page.entries) write_entry(writer, entry);
  writer.end_array();
  writer.key("next_before");
  if (page.next_before)
    writer.value(*page.next_before);
  else
    writer.null();
  writer.end_object();
  return out;
}

std::string to_json(const sluice::Error& error) {
  std::string out;
  Writer writer{out};
  writer.begin_object().key("error").begin_object();
  writer.field("code", sluice::info(error.code()).name);
  writer.field("message", error.to_string());
  if (const Field* field = sluice::as<Field>(error)) writer.field("field", field->name);
  writer.end_object().end_object();
  return out;
}

std::string event_json(std::string_view id, std::string_view type, int64_t created_at,
                       std::string_view data) {
  std::string out;
  out.reserve(data.size() + 160);
  Writer writer{out};
  writer.begin_object();
  writer.field("id", id);
  writer.field("type", type);
  writer.field("created_at", to_rfc3339(created_at));
  writer.key("data").raw(data);
  writer.end_object();
  return out;
}

}  // namespace payment_core
