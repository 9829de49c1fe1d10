// SPDX-License-Identifier: Apache-2.0

#include "sluice/json/writer.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "sluice/base/function.h"
#include "sluice/json/value.h"

namespace sluice::json {
namespace {

std::string written(FunctionRef<void(Writer&)> write) {
  std::string out;
  Writer writer(out);
  write(writer);
  return out;
}

TEST(Writer, WritesObjectsAndArrays) {
  EXPECT_EQ(written([](Writer& writer) {
              writer.begin_object().field("id", "p1").field("amount", 1250);
              writer.key("tags").begin_array().value("a").value("b").begin_array().end_array();
              writer.end_array().key("none").null().field("ok", true).end_object();
            }),
            R"({"id":"p1","amount":1250,"tags":["a","b",[]],"none":null,"ok":true})");
}

TEST(Writer, AppendsBehindWhatIsThere) {
  std::string out = "data: ,";
  Writer(out).begin_array().value(1).value(2).end_array();
  EXPECT_EQ(out, "data: ,[1,2]");
}

TEST(Writer, StringsThatLookLikeSyntaxDoNotConfuseIt) {
  EXPECT_EQ(written([](Writer& writer) {
              writer.begin_array().value("[").value("{").value(":").value(",").end_array();
            }),
            R"(["[","{",":",","])");
}

TEST(Writer, EscapesWhatRfc8259Demands) {
  struct {
    std::string_view text;
    std::string_view json;
  } const cases[] = {
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"\"\\", R"("\"\\")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {std::string_view("\0\x01\x1f", 3), R"("\u0000\u0001\u001f")"},
      {"/\x7f", "\"/\x7f\""},
      {"\u00e9\u20ac\U0001F600", "\"\u00e9\u20ac\U0001F600\""},
      {"a\xff\xC3z", "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\""},
      {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
      {"\xF0\x9F\x98", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  for (const auto& [text, json] : cases)
    EXPECT_EQ(written([&](Writer& writer) { writer.value(text); }), json) << text;
}

TEST(Writer, KeysAreEscapedToo) {
  EXPECT_EQ(written([](Writer& writer) { writer.begin_object().field("a\"b", 1).end_object(); }),
            R"({"a\"b":1})");
}

TEST(Writer, IntegersAreExact) {
  EXPECT_EQ(written([](Writer& writer) {
              writer.begin_array();
              writer.value(std::numeric_limits<int64_t>::min());
              writer.value(std::numeric_limits<uint64_t>::max());
              writer.value(uint8_t{7}).value(short{-7}).value(0u).end_array();
            }),
            "[-9223372036854775808,18446744073709551615,7,-7,0]");
}

TEST(Writer, RealsReadBackTheSame) {
  for (const double number : {0.0, -0.0, 1.0, 0.1, 1e22, 1e300, 5e-324, -1.7976931348623157e308}) {
    const std::string text = written([&](Writer& writer) { writer.value(number); });
    const Value value = *parse(text);
    EXPECT_EQ(value.kind(), Kind::real) << text;
    EXPECT_EQ(*value.as_double(), number) << text;
  }
}

TEST(Writer, WhatIsNoNumberIsNull) {
  EXPECT_EQ(written([](Writer& writer) {
              writer.begin_array().value(std::numeric_limits<double>::quiet_NaN());
              writer.value(-std::numeric_limits<double>::infinity()).end_array();
            }),
            "[null,null]");
}

TEST(Writer, RawGoesInAsItIs) {
  EXPECT_EQ(
      written([](Writer& writer) { writer.begin_array().raw(R"({"a":1})").raw("2").end_array(); }),
      R"([{"a":1},2])");
}

TEST(Writer, ParsedValuesGoIn) {
  const Value value = *parse(R"({"a":[1,2.5,"x",null,true,{"b":{}}]})");
  EXPECT_EQ(written([&](Writer& writer) { writer.begin_array().value(value).end_array(); }),
            R"([{"a":[1,2.5,"x",null,true,{"b":{}}]}])");
  EXPECT_EQ(to_string(value), R"({"a":[1,2.5,"x",null,true,{"b":{}}]})");
}

TEST(Writer, NestsDeeperThanAWord) {
  EXPECT_EQ(written([](Writer& writer) {
              for (int i = 0; i < 100; ++i) writer.begin_object().key("k").begin_array();
              for (int i = 0; i < 100; ++i) writer.end_array().end_object();
            }).size(),
            100u * 8);
}

TEST(WriterDeathTest, MisuseIsABug) {
  std::string out;
  EXPECT_DEATH(Writer(out).value(1).value(2), "a second value at the top");
  EXPECT_DEATH(Writer(out).begin_object().value(1), "a value without a key");
  EXPECT_DEATH(Writer(out).begin_object().key("a").end_object(), "a key without a value");
  EXPECT_DEATH(Writer(out).begin_object().key("a").key("b"), "a key without a value");
  EXPECT_DEATH(Writer(out).begin_array().key("a"), "a key outside of an object");
  EXPECT_DEATH(Writer(out).key("a"), "a key outside of an object");
  EXPECT_DEATH(Writer(out).begin_array().end_object(), "an end of the other kind");
  EXPECT_DEATH(Writer(out).end_array(), "an end without a begin");
}

}  // namespace
}  // namespace sluice::json
