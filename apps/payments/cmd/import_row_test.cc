// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/cmd/import_row.h"

#include <string>

#include <gtest/gtest.h>

#include "apps/payments/cmd/csv.h"
#include "apps/payments/payment_core/field.h"

namespace payments_cmd {
namespace {

sluice::Result<ImportRow> parse(const std::string& line) {
  return parse_import_row(split_csv(line).value());
}

TEST(ImportRow, ReadsPaymentsByTheCurrencysDecimals) {
  struct Case {
    const char* amount;
    const char* currency;
    int64_t minor;
  };
  for (const Case& c : {Case{"12.50", "EUR", 1250}, {"1250", "JPY", 1250}, {"1.25", "BHD", 1250}}) {
    const ImportRow row = parse(std::string{"payment,k1,,alice,shop,"} + c.amount + "," +
                                c.currency + ",DE,\"books, two\"")
                              .value();
    const auto& payment = std::get<payment_core::CreatePayment>(row.request);
    EXPECT_EQ(payment.amount.minor(), c.minor);
    EXPECT_EQ(payment.reference, "books, two");
    EXPECT_EQ(row.payment_key, "k1");
  }
}

TEST(ImportRow, ReadsRefunds) {
  const ImportRow part = parse("refund,r1,k1,,,3.00,EUR,,broken").value();
  EXPECT_EQ(std::get<payment_core::CreateRefund>(part.request).amount_minor, 300);
  EXPECT_EQ(part.payment_key, "k1");
  EXPECT_EQ(part.key, "r1");
  const ImportRow rest = parse("refund,r2,k1,,,,,,").value();
  EXPECT_EQ(std::get<payment_core::CreateRefund>(rest.request).amount_minor, std::nullopt);
}

TEST(ImportRow, NamesTheWrongColumn) {
  struct Case {
    const char* line;
    const char* column;
  };
  for (const Case& c : {Case{"transfer,k,,a,b,1,EUR,,", "type"},
                        {"payment,,,a,b,1,EUR,,", "idempotency_key"},
                        {"payment,k k,,a,b,1,EUR,,", "idempotency_key"},
                        {"payment,k,x,a,b,1,EUR,,", "payment_key"},
                        {"payment,k,,,b,1,EUR,,", "payer"},
                        {"payment,k,,a,a,1,EUR,,", "payee"},
                        {"payment,k,,a,b,,EUR,,", "amount"},
                        {"payment,k,,a,b,1.005,EUR,,", "amount"},
                        {"payment,k,,a,b,1.5,JPY,,", "amount"},
                        {"payment,k,,a,b,-1,EUR,,", "amount"},
                        {"payment,k,,a,b,0,EUR,,", "amount"},
                        {"payment,k,,a,b,twelve,EUR,,", "amount"},
                        {"payment,k,,a,b,1,,,", "currency"},
                        {"payment,k,,a,b,1,ZZZ,,", "currency"},
                        {"payment,k,,a,b,1,EUR,Germany,", "country"},
                        {"refund,r,,,,1,EUR,,", "payment_key"},
                        {"refund,r,k,a,,1,EUR,,", "payer"},
                        {"refund,r,k,,,1,,,", "currency"}}) {
    sluice::Result<ImportRow> row = parse(c.line);
    ASSERT_FALSE(row) << c.line;
    const auto* field = sluice::as<payment_core::Field>(row.error());
    ASSERT_NE(field, nullptr) << c.line << row.error().to_string();
    EXPECT_EQ(field->name, c.column) << c.line;
  }
  EXPECT_FALSE(parse("payment,k,,a,b,1,EUR"));
}

}  // namespace
}  // namespace payments_cmd
