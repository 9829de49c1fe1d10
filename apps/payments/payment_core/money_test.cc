// SPDX-License-Identifier: Apache-2.0

#include "apps/payments/payment_core/money.h"

#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace payment_core {
namespace {

using sluice::Code;

Currency currency(std::string_view code) { return Currency::parse(code).value(); }

TEST(Currency, KnowsCodesAndExponents) {
  struct Case {
    std::string_view code;
    int exponent;
  };
  for (const Case& c : {Case{"EUR", 2},
                        {"USD", 2},
                        {"JPY", 0},
                        {"KRW", 0},
                        {"BHD", 3},
                        {"KWD", 3},
                        {"TND", 3},
                        {"CLF", 4},
                        {"AED", 2},
                        {"ZWG", 2}}) {
    EXPECT_EQ(currency(c.code).code(), c.code);
    EXPECT_EQ(currency(c.code).exponent(), c.exponent) << c.code;
  }
}

TEST(Currency, RefusesWhatIsNoCode) {
  for (std::string_view code : {"", "eur", "EURO", "EU", "XXX", "AAA", "ZZZ", "E\0R"}) {
    sluice::Result<Currency> parsed = Currency::parse(code);
    ASSERT_FALSE(parsed) << code;
    EXPECT_EQ(parsed.error().code(), Code::invalid_argument);
  }
}

TEST(Money, ParsesByTheCurrencysExponent) {
  struct Case {
    std::string_view text, code;
    int64_t minor;
  };
  for (const Case& c : {Case{"12.50", "EUR", 1250},
                        {"12.5", "EUR", 1250},
                        {"12", "EUR", 1200},
                        {"0.01", "EUR", 1},
                        {"-3.40", "EUR", -340},
                        {"1250", "JPY", 1250},
                        {"1.250", "BHD", 1250},
                        {"007", "JPY", 7},
                        {"92233720368547758.07", "EUR", std::numeric_limits<int64_t>::max()},
                        {"-92233720368547758.08", "EUR", std::numeric_limits<int64_t>::min()}}) {
    sluice::Result<Money> money = Money::parse(c.text, currency(c.code));
    ASSERT_TRUE(money) << c.text << ": " << money.error().message();
    EXPECT_EQ(money->minor(), c.minor) << c.text;
  }
}

TEST(Money, RefusesWhatIsNoAmount) {
  struct Case {
    std::string_view text, code;
    Code error;
  };
  for (const Case& c : {Case{"", "EUR", Code::invalid_argument},
                        {"-", "EUR", Code::invalid_argument},
                        {".5", "EUR", Code::invalid_argument},
                        {"5.", "EUR", Code::invalid_argument},
                        {"1.2.3", "EUR", Code::invalid_argument},
                        {"1,50", "EUR", Code::invalid_argument},
                        {"+1", "EUR", Code::invalid_argument},
                        {"1e3", "EUR", Code::invalid_argument},
                        {" 1", "EUR", Code::invalid_argument},
                        {"1.234", "EUR", Code::invalid_argument},
                        {"1.5", "JPY", Code::invalid_argument},
                        {"1.2345", "BHD", Code::invalid_argument},
                        {"92233720368547758.08", "EUR", Code::out_of_range},
                        {"99999999999999999999", "JPY", Code::out_of_range}}) {
    sluice::Result<Money> money = Money::parse(c.text, currency(c.code));
    ASSERT_FALSE(money) << c.text;
    EXPECT_EQ(money.error().code(), c.error) << c.text;
  }
}

TEST(Money, PrintsWhatItParses) {
  std::mt19937_64 random{7};
  for (std::string_view code : {"EUR", "JPY", "BHD", "CLF"})
    for (int i = 0; i < 1000; ++i) {
      const Money money{static_cast<int64_t>(random() >> (i % 64)), currency(code)};
      EXPECT_EQ(Money::parse(money.to_decimal(), currency(code)).value(), money);
    }
  EXPECT_EQ((Money{5, currency("EUR")}.to_decimal()), "0.05");
  EXPECT_EQ((Money{-5, currency("BHD")}.to_decimal()), "-0.005");
  EXPECT_EQ((Money{5, currency("JPY")}.to_decimal()), "5");
}

TEST(Money, ArithmeticNeverWraps) {
  const Money most{std::numeric_limits<int64_t>::max(), currency("EUR")};
  const Money least{std::numeric_limits<int64_t>::min(), currency("EUR")};
  const Money one{1, currency("EUR")};
  EXPECT_EQ(most.plus(one).error().code(), Code::out_of_range);
  EXPECT_EQ(least.minus(one).error().code(), Code::out_of_range);
  EXPECT_EQ(least.negated().error().code(), Code::out_of_range);
  EXPECT_EQ(most.minus(one).value().plus(one).value(), most);
}

TEST(Money, CurrenciesDoNotMix) {
  EXPECT_EQ((Money{1, currency("EUR")}.plus(Money{1, currency("USD")}).error().code()),
            Code::failed_precondition);
}

}  // namespace
}  // namespace payment_core
