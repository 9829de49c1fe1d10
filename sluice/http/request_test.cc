// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/request.h"

#include <string>

#include <gtest/gtest.h>

#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/test_stream.h"

namespace sluice::http {
namespace {

using internal::MemoryStream;
using internal::RequestAccess;

void parse(Request& request, std::string_view text, MemoryStream& stream) {
  ASSERT_EQ(internal::parse_request_head(text, {}, RequestAccess::head(request)).status,
            internal::Parsed::Status::complete);
  RequestAccess::reset(request, &stream);
}

TEST(Request, TakesItsTargetApart) {
  MemoryStream stream;
  Request request;
  parse(request, "GET /a/b?x=1&y=a+b%21 HTTP/1.1\r\nHost: h:80\r\n\r\n", stream);
  EXPECT_EQ(request.path(), "/a/b");
  EXPECT_EQ(request.query_string(), "x=1&y=a+b%21");
  EXPECT_EQ(request.query("y"), "a b!");
  EXPECT_EQ(request.query("z"), std::nullopt);
  EXPECT_EQ(request.host(), "h:80");
  EXPECT_EQ(request.param("id"), "");
  EXPECT_EQ(request.content_length(), 0u);
}

// RFC 9112 3.2.2.
TEST(Request, BelievesTheAbsoluteFormBeforeTheHostField) {
  MemoryStream stream;
  Request request;
  parse(request, "GET http://real:8080?q HTTP/1.1\r\nHost: other\r\n\r\n", stream);
  EXPECT_EQ(request.host(), "real:8080");
  EXPECT_EQ(request.path(), "/");
  EXPECT_EQ(request.query_string(), "q");
}

TEST(Request, BoundsABodyReadAsAWhole) {
  constexpr std::string_view text =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t bound : {9'999, 10'000}) {
    MemoryStream stream;
    stream.body.assign(10'000, 'x');
    Request request;
    parse(request, text, stream);
    EXPECT_EQ(request.content_length(), std::nullopt);
    Result<std::string> body = request.read_all(bound);
    EXPECT_EQ(body.has_value(), bound == 10'000);
    EXPECT_TRUE(body.has_value() || body.error().code() == Code::resource_exhausted);
  }
}

TEST(Request, KeepsTheContextThatAMiddlewareSet) {
  struct Key {
    int value;
  };
  MemoryStream stream;
  Request request;
  parse(request, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", stream);
  request.set_context(with_value<Key>(request.context(), Key{7}));
  EXPECT_EQ(request.context().value<Key>()->value, 7);
}

}  // namespace
}  // namespace sluice::http
