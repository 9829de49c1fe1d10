// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/response_writer.h"

#include <string>

#include <gtest/gtest.h>

#include "sluice/http/internal/request_access.h"
#include "sluice/http/internal/test_stream.h"

namespace sluice::http {
namespace {

using internal::MemoryStream;
using internal::ResponseAccess;

TEST(ResponseWriter, SendsASmallBodyWithItsLength) {
  MemoryStream stream;
  ResponseWriter response;
  ResponseAccess::reset(response, &stream, Method::get);
  EXPECT_TRUE(response.write("hel"));
  EXPECT_TRUE(response.write("lo"));
  EXPECT_FALSE(response.committed());
  EXPECT_TRUE(ResponseAccess::finish(response));
  EXPECT_EQ(stream.text, "200 hello");
  EXPECT_EQ(stream.length, 5u);
}

TEST(ResponseWriter, StreamsALargeBodyWithoutOne) {
  MemoryStream stream;
  ResponseWriter response;
  ResponseAccess::reset(response, &stream, Method::get);
  EXPECT_TRUE(response.write(std::string(17'000, 'x')));
  EXPECT_TRUE(response.committed());
  response.set_status(500);
  EXPECT_EQ(response.status(), 200);
  EXPECT_TRUE(ResponseAccess::finish(response));
  EXPECT_EQ(stream.length, std::nullopt);
}

TEST(ResponseWriter, ReplacesWhatWasBuffered) {
  MemoryStream stream;
  ResponseWriter response;
  ResponseAccess::reset(response, &stream, Method::get);
  EXPECT_TRUE(response.write("draft"));
  EXPECT_TRUE(response.json(201, "{}"));
  EXPECT_TRUE(ResponseAccess::finish(response));
  EXPECT_EQ(stream.text, "201 {}");
}

TEST(ResponseWriter, HoldsToAnAnnouncedLength) {
  MemoryStream stream;
  ResponseWriter response;
  ResponseAccess::reset(response, &stream, Method::get);
  response.headers().set("Content-Length", "20000");
  EXPECT_TRUE(response.write(std::string(17'000, 'x')));
  EXPECT_EQ(stream.length, 20'000u);
  EXPECT_EQ(response.write(std::string(3'001, 'x')).error().code(), Code::failed_precondition);
  EXPECT_TRUE(response.write(std::string(2'999, 'x')));
  EXPECT_EQ(ResponseAccess::finish(response).error().code(), Code::failed_precondition);
}

TEST(ResponseWriter, CountsTheBodyOfAHeadRequestAndSendsNone) {
  MemoryStream stream;
  ResponseWriter response;
  ResponseAccess::reset(response, &stream, Method::head);
  EXPECT_TRUE(response.write("hello"));
  EXPECT_TRUE(ResponseAccess::finish(response));
  EXPECT_EQ(stream.text, "200");
  EXPECT_EQ(stream.length, 5u);
}

// RFC 9110 8.6: a Content-Length that GET would not send must not be sent.
TEST(ResponseWriter, ClaimsNoLengthForAHeadRequestThatWroteNothing) {
  MemoryStream stream;
  ResponseWriter response;
  ResponseAccess::reset(response, &stream, Method::head);
  EXPECT_TRUE(ResponseAccess::finish(response));
  EXPECT_EQ(stream.length, std::nullopt);
}

}  // namespace
}  // namespace sluice::http
