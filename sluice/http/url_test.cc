// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/url.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(Url, IsTakenApart) {
  struct Case {
    const char* text;
    const char* host;
    uint16_t port;
    const char* target;
    const char* authority;
  };
  for (auto [text, host, port, target, authority] :
       std::vector<Case>{{"http://example.org", "example.org", 80, "/", "example.org"},
                         {"HTTP://Example.ORG:8080/a/b?c=d#e", "example.org", 8080, "/a/b?c=d",
                          "example.org:8080"},
                         {"https://h/", "h", 443, "/", "h"},
                         {"http://h:443/", "h", 443, "/", "h:443"},
                         {"http://h?q", "h", 80, "/?q", "h"},
                         {"http://[::1]:8080/x", "::1", 8080, "/x", "[::1]:8080"},
                         {"http://[::1]/x", "::1", 80, "/x", "[::1]"},
                         {"http://h:/x", "h", 80, "/x", "h"}}) {
    Result<Url> url = Url::parse(text);
    ASSERT_TRUE(url) << text << ": " << url.error().to_string();
    EXPECT_EQ(url->host, host);
    EXPECT_EQ(url->port, port);
    EXPECT_EQ(url->target, target);
    EXPECT_EQ(url->authority(), authority);
  }
}

TEST(Url, RefusesWhatIsMalformed) {
  for (const char* text : {"",
                           "h",
                           "/a",
                           "ftp://h/",
                           "http:/h",
                           "http://",
                           "http:///a",
                           "http://:80/",
                           "http://h:x/",
                           "http://h:0/",
                           "http://h:65536/",
                           "http://user@h/",
                           "http://h/a b",
                           "http://h/\r\n",
                           "http://h/%",
                           "http://h/%2",
                           "http://h/%zz",
                           "http://h\\a/",
                           "http://[::1/",
                           "http://a]/",
                           "http://h/\xc3\xa4",
                           "http://h/[a]",
                           "http://h/?a\"b",
                           "http://h/?\xc3\xa4",
                           "http://[]/"}) {
    EXPECT_FALSE(Url::parse(text)) << text;
  }
}

TEST(PercentEncoding, ReturnsWhatWentIn) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += char(c);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a b/c~"), "a%20b%2Fc~");
  EXPECT_EQ(percent_decode("a+b%2B", true), "a b+");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  for (const char* text : {"%", "%a", "%ag", "a%"}) EXPECT_EQ(percent_decode(text), std::nullopt);
}

TEST(QueryValue, FindsTheFirstOfThatName) {
  EXPECT_EQ(query_value("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(query_value("a=1&b=x+y%21", "b"), "x y!");
  EXPECT_EQ(query_value("a&b=", "a"), "");
  EXPECT_EQ(query_value("%61=1", "a"), "1");
  EXPECT_EQ(query_value("a=1", "b"), std::nullopt);
  EXPECT_EQ(query_value("a=%", "a"), std::nullopt);
  EXPECT_EQ(query_value("", ""), std::nullopt);
}

}  // namespace
}  // namespace sluice::http
