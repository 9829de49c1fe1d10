// SPDX-License-Identifier: Apache-2.0

#include "sluice/json/value.h"

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::json {
namespace {

Value must_parse(std::string_view text) {
  Result<Value> value = parse(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value.value_or(Value());
}

template <class T>
std::string error_of(const Result<T>& result) {
  return result.has_value() ? "no error" : result.error().to_string();
}

TEST(Value, DefaultIsNull) {
  const Value value;
  EXPECT_TRUE(value.is_null());
  EXPECT_EQ(value.size(), 0u);
  EXPECT_EQ(value.path(), "document");
  EXPECT_EQ(error_of(value.get("a")), "document: expected an object, found null");
}

TEST(Value, KindFollowsTheText) {
  struct {
    std::string_view text;
    Kind kind;
  } const cases[] = {
      {"null", Kind::null},
      {"true", Kind::boolean},
      {"-1", Kind::int64},
      {"9223372036854775807", Kind::int64},
      {"9223372036854775808", Kind::uint64},
      {"1.0", Kind::real},
      {"1e2", Kind::real},
      {"\"\"", Kind::string},
      {"[]", Kind::array},
      {"{}", Kind::object},
  };
  for (const auto& [text, kind] : cases) EXPECT_EQ(must_parse(text).kind(), kind) << text;
}

TEST(Value, GettersGiveTheMembers) {
  const Value value = must_parse(
      R"({"b":true,"i":-5,"u":18446744073709551615,"d":1.5,"s":"text","a":[1],"o":{"x":1}})");
  EXPECT_EQ(value.get_bool("b"), true);
  EXPECT_EQ(value.get_int64("i"), -5);
  EXPECT_EQ(value.get_uint64("u"), 18446744073709551615u);
  EXPECT_EQ(value.get_double("d"), 1.5);
  EXPECT_EQ(value.get_string("s"), "text");
  EXPECT_EQ(value.get_array("a")->size(), 1u);
  EXPECT_EQ(value.get_object("o")->get_int64("x"), 1);
  EXPECT_EQ(value.size(), 7u);
}

TEST(Value, ErrorsNamePathAndExpectedType) {
  const Value value = must_parse(R"({"items":[{"amount":1},{"amount":"1"}],"name":"x","r":1.0})");
  const Value second = *(++value.get_array("items")->elements().begin());
  EXPECT_EQ(error_of(second.get_int64("amount")),
            "items[1].amount: expected an integer, found a string");
  EXPECT_EQ(error_of(second.get_string("currency")), "items[1].currency: missing");
  EXPECT_EQ(error_of(value.get_string("currency")), "currency: missing");
  EXPECT_EQ(error_of(value.get_object("items")), "items: expected an object, found an array");
  EXPECT_EQ(error_of(value.get_array("name")), "name: expected an array, found a string");
  EXPECT_EQ(error_of(value.get_bool("name")), "name: expected a boolean, found a string");
  EXPECT_EQ(error_of(value.get_double("name")), "name: expected a number, found a string");
  EXPECT_EQ(error_of(value.get_string("r")),
            "r: expected a string, found a number with a fraction or exponent");
  EXPECT_EQ(error_of(value.as_string()), "document: expected a string, found an object");
  EXPECT_EQ(value.get_string("currency").error().code(), Code::invalid_argument);
}

TEST(Value, IntegersAreRangeChecked) {
  const Value value = must_parse(R"({"big":9223372036854775808,"negative":-1,"real":1.0})");
  EXPECT_EQ(error_of(value.get_int64("big")), "big: an integer above 9223372036854775807");
  EXPECT_EQ(error_of(value.get_uint64("negative")), "negative: a negative integer");
  EXPECT_EQ(error_of(value.get_int64("real")),
            "real: expected an integer, found a number with a fraction or exponent");
}

TEST(Value, EveryNumberIsADouble) {
  EXPECT_EQ(must_parse("3").as_double(), 3.0);
  EXPECT_EQ(must_parse("18446744073709551615").as_double(), 18446744073709551615.0);
  EXPECT_EQ(must_parse("0.1").as_double(), 0.1);
  EXPECT_TRUE(std::signbit(*must_parse("-0.0").as_double()));
}

TEST(Value, FindTellsMissingFromNull) {
  const Value value = must_parse(R"({"a":null})");
  ASSERT_TRUE(value.find("a").has_value());
  EXPECT_TRUE(value.find("a")->is_null());
  EXPECT_FALSE(value.find("b").has_value());
  EXPECT_FALSE(must_parse("[]").find("a").has_value());
}

TEST(Value, ElementsComeInOrder) {
  std::string seen;
  for (const Value& element : must_parse("[1,[2,3],{\"a\":4},\"5\"]").elements())
    seen += std::to_string(static_cast<int>(element.kind()));
  EXPECT_EQ(seen, "2675");
}

TEST(Value, MembersComeInOrder) {
  std::string seen;
  for (const auto& [key, member] : must_parse(R"({"z":[1,2],"a":{"b":1},"m":3})").members())
    seen += std::string(key) + std::to_string(member.size());
  EXPECT_EQ(seen, "z2a1m0");
}

TEST(Value, ScalarHasNeitherElementsNorMembers) {
  for (const std::string_view text : {"1", "\"x\"", "null", "[]", "{}"}) {
    const Value value = must_parse(text);
    EXPECT_TRUE(value.elements().begin() == value.elements().end()) << text;
    EXPECT_TRUE(value.members().begin() == value.members().end()) << text;
  }
}

TEST(Value, ElementsOfAnObjectAreNone) {
  const Value value = must_parse(R"({"a":1})");
  EXPECT_TRUE(value.elements().begin() == value.elements().end());
}

TEST(Value, KeepsItsDocumentAlive) {
  std::string_view name;
  Value inner;
  {
    const Value outer = must_parse(R"({"user":{"name":"Ada"}})");
    inner = *outer.get_object("user");
    name = *inner.get_string("name");
  }
  EXPECT_EQ(name, "Ada");
  EXPECT_EQ(inner.path(), "user");
}

TEST(Value, MovedFromIsNull) {
  Value value = must_parse("[1]");
  const Value target = std::move(value);
  EXPECT_EQ(target.size(), 1u);
  EXPECT_TRUE(value.is_null());  // NOLINT(bugprone-use-after-move): the claim
}

TEST(Value, PathQuotesAndCutsStrangeKeys) {
  const std::string key(1000, 'k');
  const Value value = must_parse(R"({"a.b":{"c\n":1},")" + key + R"(":1})");
  EXPECT_EQ(value.find("a.b")->find("c\n")->path(), R"(["a.b"]["c\n"])");
  EXPECT_EQ(value.find(key)->path(), "[\"" + std::string(64, 'k') + "\"...]");
}

TEST(Value, IsReadByThreadsAtOnce) {
  const Value value = must_parse(R"({"a":[1,2,3]})");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([value] {
      for (int round = 0; round < 1000; ++round) {
        int64_t sum = 0;
        for (const Value& element : value.get_array("a")->elements()) sum += *element.as_int64();
        ASSERT_EQ(sum, 6);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace sluice::json
