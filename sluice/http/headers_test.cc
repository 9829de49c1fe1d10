// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/headers.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(Headers, CompareNamesWithoutCase) {
  Headers headers;
  EXPECT_TRUE(headers.add("Set-Cookie", "a"));
  EXPECT_TRUE(headers.add("set-cookie", " b "));
  EXPECT_EQ(headers.get("SET-COOKIE"), "a");
  EXPECT_EQ(headers.count("Set-Cookie"), 2u);
  EXPECT_TRUE(headers.set("Set-cookie", headers.get("set-cookie")));
  EXPECT_EQ(headers.count("set-cookie"), 1u);
  EXPECT_EQ(headers.get("set-cookie"), "a");
  EXPECT_EQ(headers.remove("SET-COOKIE"), 1u);
  EXPECT_TRUE(headers.empty());
}

TEST(Headers, LetNoTextInjectAField) {
  Headers headers;
  for (const char* value : {"a\r\nb: c", "a\nb", "a\rb", "a\x01"})
    EXPECT_FALSE(headers.add("A", value));
  for (const char* name : {"", "a b", "a:", "a\r\n", "\xc3\xa4"})
    EXPECT_FALSE(headers.set(name, "v"));
  EXPECT_FALSE(headers.add("A", std::string_view("a\0b", 3)));
  EXPECT_TRUE(headers.empty());
}

TEST(Headers, CopiesOwnTheirText) {
  Headers copy;
  {
    std::string name = "name-that-is-not-short", value(1000, 'v');
    Headers views;
    views.add_view(name, value);
    copy = views;
  }
  EXPECT_EQ(copy.get("name-that-is-not-short"), std::string(1000, 'v'));
}

}  // namespace
}  // namespace sluice::http
