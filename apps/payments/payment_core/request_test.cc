// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/request.h"

#include <string>

#include <gtest/gtest.h>

#include "apps/payments/payment_core/field.h"

namespace payment_core {
namespace {

using sluice::Code;
using sluice::Error;
using sluice::Result;

constexpr std::string_view good =
    R"({"payer":"alice","payee":"shop:1","amount":1250,"currency":"EUR"})";

TEST(CreatePayment, ReadsABody) {
  const CreatePayment payment =
      parse_create_payment(
          R"({"payer":"alice","payee":"shop:1","amount":1250,"currency":"EUR","country":"DE",)"
          R"("reference":"Größe 42"})")
          .value();
  EXPECT_EQ(payment.payer, "alice");
  EXPECT_EQ(payment.amount.minor(), 1250);
  EXPECT_EQ(payment.amount.currency().code(), "EUR");
  EXPECT_EQ(payment.country, "DE");
  EXPECT_EQ(payment.reference, "Größe 42");
  EXPECT_EQ(parse_create_payment(to_json(payment))->canonical(), payment.canonical());
  EXPECT_TRUE(parse_create_payment(good));
}

TEST(CreatePayment, TheSameMeaningHasOneCanonicalText) {
  const CreatePayment spaced =
      parse_create_payment(
          R"( { "currency":"EUR" , "amount":1250, "payee":"shop:1", "payer":"alice" } )")
          .value();
  EXPECT_EQ(parse_create_payment(good)->canonical(), spaced.canonical());
  CreatePayment other = spaced;
  other.amount = Money{1251, other.amount.currency()};
  EXPECT_NE(other.canonical(), spaced.canonical());
}

TEST(CreatePayment, EachWrongFieldIsNamed) {
  struct Case {
    const char* body;
    const char* field;  // null: the body as a whole
  };
  const std::string long_text(201, 'x');
  const std::string long_reference = R"({"payer":"a","payee":"b","amount":1,"currency":"EUR",)"
                                     R"("reference":")" +
                                     long_text + "\"}";
  for (const Case& c : {
           Case{"", nullptr},
           {"{", nullptr},
           {"[]", nullptr},
           {"null", nullptr},
           {R"({"payer":"a","payee":"b","amount":1,"currency":"EUR"} x)", nullptr},
           {R"({"payee":"b","amount":1,"currency":"EUR"})", "payer"},
           {R"({"payer":7,"payee":"b","amount":1,"currency":"EUR"})", "payer"},
           {R"({"payer":"","payee":"b","amount":1,"currency":"EUR"})", "payer"},
           {R"({"payer":"a b","payee":"b","amount":1,"currency":"EUR"})", "payer"},
           {R"({"payer":"a","payee":"a","amount":1,"currency":"EUR"})", "payee"},
           {R"({"payer":"a","payee":null,"amount":1,"currency":"EUR"})", "payee"},
           {R"({"payer":"a","payee":"b","currency":"EUR"})", "amount"},
           {R"({"payer":"a","payee":"b","amount":0,"currency":"EUR"})", "amount"},
           {R"({"payer":"a","payee":"b","amount":-5,"currency":"EUR"})", "amount"},
           {R"({"payer":"a","payee":"b","amount":1.5,"currency":"EUR"})", "amount"},
           {R"({"payer":"a","payee":"b","amount":1e3,"currency":"EUR"})", "amount"},
           {R"({"payer":"a","payee":"b","amount":"1","currency":"EUR"})", "amount"},
           {R"({"payer":"a","payee":"b","amount":1000000000000001,"currency":"EUR"})", "amount"},
           {R"({"payer":"a","payee":"b","amount":18446744073709551615,"currency":"EUR"})",
            "amount"},
           {R"({"payer":"a","payee":"b","amount":1})", "currency"},
           {R"({"payer":"a","payee":"b","amount":1,"currency":"EURO"})", "currency"},
           {R"({"payer":"a","payee":"b","amount":1,"currency":"eur"})", "currency"},
           {R"({"payer":"a","payee":"b","amount":1,"currency":"EUR","country":"Germany"})",
            "country"},
           {R"({"payer":"a","payee":"b","amount":1,"currency":"EUR","reference":"a\nb"})",
            "reference"},
           {long_reference.c_str(), "reference"},
           {R"({"payer":"a","payee":"b","amount":1,"currency":"EUR","amuont":2})", "amuont"},
       }) {
    Result<CreatePayment> parsed = parse_create_payment(c.body);
    ASSERT_FALSE(parsed) << c.body;
    EXPECT_EQ(parsed.error().code(), Code::invalid_argument) << c.body;
    const Field* field = sluice::as<Field>(parsed.error());
    if (c.field == nullptr) {
      EXPECT_EQ(field, nullptr) << c.body;
      continue;
    }
    ASSERT_NE(field, nullptr) << c.body << parsed.error().to_string();
    EXPECT_EQ(field->name, c.field) << c.body;
  }
}

TEST(CreateRefund, AnEmptyBodyMeansTheRest) {
  EXPECT_EQ(parse_create_refund("pay_1", "")->amount_minor, std::nullopt);
  EXPECT_EQ(parse_create_refund("pay_1", "{}")->amount_minor, std::nullopt);
  EXPECT_EQ(parse_create_refund("pay_1", R"({"amount":5})")->amount_minor, 5);
}

TEST(CreateRefund, RefusesWrongFields) {
  for (const char* body : {R"({"amount":0})", R"({"amount":"5"})", R"({"currency":"??"})",
                           R"({"reason":5})", R"({"payment":"x"})", "[]", "x"})
    EXPECT_FALSE(parse_create_refund("pay_1", body)) << body;
}

TEST(IdempotencyKey, IsVisibleAscii) {
  EXPECT_TRUE(check_idempotency_key("a"));
  EXPECT_TRUE(check_idempotency_key(std::string(255, 'k')));
  for (const std::string& key : {std::string{}, std::string(256, 'k'), std::string{"a b"},
                                 std::string{"ä"}, std::string{"a\tb"}})
    EXPECT_FALSE(check_idempotency_key(key)) << key;
}

}  // namespace
}  // namespace payment_core
