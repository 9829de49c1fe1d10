// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/method.h"

#include <string_view>

#include <gtest/gtest.h>

#include "sluice/http/internal/head_text.h"

namespace sluice::http {
namespace {

TEST(Methods, AreCaseSensitive) {
  EXPECT_EQ(method_from_name("DELETE"), Method::delete_);
  EXPECT_EQ(method_from_name("get"), Method::other);
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(599), "");
}

TEST(DateLine, IsWhatTheRfcShows) {
  internal::DateLine date;
  EXPECT_EQ(date.at(784111777), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(date.at(784111777), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(date.at(0), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
}

}  // namespace
}  // namespace sluice::http
