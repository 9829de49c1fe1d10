// SPDX-License-Identifier: Apache-2.0

#include <string>

#include <gtest/gtest.h>

#include "sluice/json/value.h"
#include "sluice/json/writer.h"

namespace sluice::json {
namespace {

std::string nested(int depth, std::string_view inside) {
  return std::string(depth, '[') + std::string(inside) + std::string(depth, ']');
}

TEST(Parse, AcceptsWhatRfc8259Allows) {
  struct {
    std::string_view text;
    std::string_view written;
  } const cases[] = {
      {"null", "null"},
      {" true ", "true"},
      {"\t\r\n false", "false"},
      {"[]", "[]"},
      {"{}", "{}"},
      {"[ 1 , 2 ]", "[1,2]"},
      {R"({"a":{"b":[{}]}})", R"({"a":{"b":[{}]}})"},
      {R"({"":0})", R"({"":0})"},
      {R"("\"\\\/\b\f\n\r\t\u0041")", R"("\"\\/\b\f\n\r\tA")"},
      {R"("\u0000")", R"("\u0000")"},
      {R"("\ud83d\ude00")", "\"\U0001F600\""},
      {"\"\u00e9\u20ac\U0001F600\x7f\"", "\"\u00e9\u20ac\U0001F600\x7f\""},
      {"0", "0"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"1.0", "1.0"},
      {"1E2", "100.0"},
      {"-0.0", "-0.0"},
      {"1e-999", "0.0"},
      {"2.2250738585072014e-308", "2.2250738585072014e-308"},
      {R"({"a":1,"b":{"a":1}})", R"({"a":1,"b":{"a":1}})"},
  };
  for (const auto& [text, written] : cases) {
    const Result<Value> value = parse(text);
    ASSERT_TRUE(value.has_value()) << text << ": " << value.error().to_string();
    EXPECT_EQ(to_string(*value), written) << text;
  }
}

TEST(Parse, RefusesTheRestAndSaysWhere) {
  struct {
    std::string_view text;
    std::string_view error;
  } const cases[] = {
      {"", "JSON: expected a value at byte 0"},
      {"  ", "JSON: expected a value at byte 2"},
      {"\xEF\xBB\xBF[]", "JSON: expected a value at byte 0"},
      {"nul", "JSON: expected a value at byte 0"},
      {"truex", "JSON: unexpected text behind the document at byte 4"},
      {"1 2", "JSON: unexpected text behind the document at byte 2"},
      {"[]]", "JSON: unexpected text behind the document at byte 2"},
      {"[1,2", "JSON: expected , or ] at byte 4"},
      {"[1,]", "JSON: expected a value at byte 3"},
      {"[1 2]", "JSON: expected , or ] at byte 3"},
      {"[1}", "JSON: expected , or ] at byte 2"},
      {R"({"a" 1})", "JSON: expected : at byte 5"},
      {R"({"a":1,})", "JSON: expected a key in quotes at byte 7"},
      {R"({a:1})", "JSON: expected a key in quotes at byte 1"},
      {R"({"a":1]})", "JSON: expected , or } at byte 6"},
      {R"({"a":})", "JSON: expected a value at byte 5"},
      {"[1] // x", "JSON: unexpected text behind the document at byte 4"},
      {"01", "JSON: a number with a leading 0 at byte 1"},
      {"-", "JSON: expected a digit at byte 1"},
      {"+1", "JSON: expected a value at byte 0"},
      {"1.", "JSON: expected a digit at byte 2"},
      {".5", "JSON: expected a value at byte 0"},
      {"1e", "JSON: expected a digit at byte 2"},
      {"NaN", "JSON: expected a value at byte 0"},
      {"18446744073709551616", "JSON: a number out of range at byte 0"},
      {"[-9223372036854775809]", "JSON: a number out of range at byte 1"},
      {"1e999", "JSON: a number out of range at byte 0"},
      {"\"abc", "JSON: a string without its end at byte 4"},
      {"\"a\\", "JSON: a string without its end at byte 3"},
      {R"("\x")", "JSON: an unknown escape at byte 1"},
      {R"("\u12g4")", "JSON: an unknown escape at byte 1"},
      {R"("\ud800")", "JSON: half of a surrogate pair at byte 1"},
      {R"("\ud800\u0041")", "JSON: half of a surrogate pair at byte 1"},
      {R"("\udc00")", "JSON: half of a surrogate pair at byte 1"},
      {"\"\x01\"", "JSON: a control character in a string at byte 1"},
      {"\"\xff\"", "JSON: not UTF-8 at byte 1"},
      {"\"\xC0\xAF\"", "JSON: not UTF-8 at byte 1"},
      {"\"\xED\xA0\x80\"", "JSON: not UTF-8 at byte 1"},
  };
  for (const auto& [text, error] : cases) {
    const Result<Value> value = parse(text);
    ASSERT_FALSE(value.has_value()) << text;
    EXPECT_EQ(value.error().code(), Code::invalid_argument) << text;
    EXPECT_EQ(value.error().to_string(), error) << text;
  }
}

TEST(Parse, RefusesADoubleKeyByItsPath) {
  EXPECT_EQ(parse(R"({"a":1,"b":2,"a":3})").error().to_string(), "JSON: a: the key is there twice");
  EXPECT_EQ(parse(R"([0,{"x":{"k":1,"k":1}}])").error().to_string(),
            "JSON: [1].x.k: the key is there twice");
}

TEST(Parse, KeysAreComparedUnescaped) { EXPECT_FALSE(parse(R"({"a":1,"\u0061":2})").has_value()); }

TEST(Parse, ManyKeysAreComparedInLittleTime) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  const std::string twice = text + "\"k500\":0}";
  text.back() = '}';
  EXPECT_EQ(parse(text)->size(), 100'000u);
  EXPECT_EQ(parse(twice).error().to_string(), "JSON: k500: the key is there twice");
}

TEST(Parse, DepthLimitIsExact) {
  for (const std::string_view inside : {"", "1", "{}"}) {
    const int own = inside == "{}" ? 1 : 0;
    EXPECT_TRUE(parse(nested(5 - own, inside), {.depth_max = 5}).has_value()) << inside;
    EXPECT_EQ(parse(nested(6 - own, inside), {.depth_max = 5}).error().message(),
              "JSON: nested too deeply at byte 5")
        << inside;
  }
}

TEST(Parse, DepthZeroTakesScalarsOnly) {
  EXPECT_TRUE(parse("1", {.depth_max = 0}).has_value());
  EXPECT_FALSE(parse("[]", {.depth_max = 0}).has_value());
}

TEST(Parse, DefaultDepthIsSixtyFour) {
  EXPECT_TRUE(parse(nested(64, "0")).has_value());
  EXPECT_FALSE(parse(nested(65, "0")).has_value());
}

TEST(Parse, DeepestLimitFitsTheStack) {
  EXPECT_TRUE(parse(nested(1000, ""), {.depth_max = 1000}).has_value());
  EXPECT_FALSE(parse(std::string(1'000'000, '['), {.depth_max = 1000}).has_value());
}

TEST(ParseDeathTest, LimitBeyondTheStackIsABug) {
  EXPECT_DEATH((void)parse("1", {.depth_max = 1001}), "at most 1000");
}

TEST(Parse, TextNeedsNoPadding) {
  for (size_t size = 1; size < 200; ++size) {
    std::string text = "\"" + std::string(size, 'x') + "\"";
    text.shrink_to_fit();  // AddressSanitizer would see a read behind it
    EXPECT_EQ(parse(text)->as_string()->size(), size);
  }
}

TEST(Parse, ParserServesAfterAnErrorAndAfterALargeText) {
  const std::string large = "[\"" + std::string(3'000'000, 'x') + "\"]";
  EXPECT_TRUE(parse(large).has_value());
  EXPECT_FALSE(parse("[").has_value());
  EXPECT_TRUE(parse("[1]").has_value());
}

}  // namespace
}  // namespace sluice::json
