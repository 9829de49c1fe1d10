// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/code.h"

#include <set>

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct Row {
  int number;
  std::string_view name;
  int http_status;
};

// Copied from google/rpc/code.proto: the enum and its "HTTP Mapping" lines.
constexpr Row documented[] = {
    {0, "OK", 200},
    {1, "CANCELLED", 499},
    {2, "UNKNOWN", 500},
    {3, "INVALID_ARGUMENT", 400},
    {4, "DEADLINE_EXCEEDED", 504},
    {5, "NOT_FOUND", 404},
    {6, "ALREADY_EXISTS", 409},
    {7, "PERMISSION_DENIED", 403},
    {8, "RESOURCE_EXHAUSTED", 429},
    {9, "FAILED_PRECONDITION", 400},
    {10, "ABORTED", 409},
    {11, "OUT_OF_RANGE", 400},
    {12, "UNIMPLEMENTED", 501},
    {13, "INTERNAL", 500},
    {14, "UNAVAILABLE", 503},
    {15, "DATA_LOSS", 500},
    {16, "UNAUTHENTICATED", 401},
};

TEST(Code, TableIsTheOneGrpcDocuments) {
  EXPECT_EQ(std::size(documented), code_count);
  for (const Row& row : documented) {
    const CodeInfo& ours = info(static_cast<Code>(row.number));
    EXPECT_EQ(static_cast<int>(ours.code), row.number);
    EXPECT_EQ(ours.name, row.name);
    EXPECT_EQ(ours.http_status, row.http_status) << row.name;
  }
}

TEST(Code, RetryHelpsForThreeCodesOnly) {
  std::set<Code> retryable;
  for (int number = 0; number < code_count; ++number)
    if (info(static_cast<Code>(number)).retryable) retryable.insert(static_cast<Code>(number));
  EXPECT_EQ(retryable,
            (std::set<Code>{Code::resource_exhausted, Code::aborted, Code::unavailable}));
}

TEST(Code, NumberFromAPeerThatIsNoneIsUnknown) {
  EXPECT_EQ(code_from_number(17), Code::unknown);
  EXPECT_EQ(code_from_number(-1), Code::unknown);
  EXPECT_EQ(code_from_number(1 << 20), Code::unknown);
  EXPECT_EQ(info(static_cast<Code>(200)).name, "UNKNOWN");
}

TEST(Code, NumberOfEachCodeIsThatCode) {
  for (int number = 0; number < code_count; ++number)
    EXPECT_EQ(static_cast<int>(code_from_number(number)), number);
}

TEST(Code, HttpStatusHasACode) {
  struct {
    int http_status;
    Code code;
  } const cases[] = {
      {100, Code::ok},
      {200, Code::ok},
      {201, Code::ok},
      {304, Code::ok},
      {400, Code::invalid_argument},
      {401, Code::unauthenticated},
      {403, Code::permission_denied},
      {404, Code::not_found},
      {409, Code::already_exists},
      {412, Code::failed_precondition},
      {422, Code::failed_precondition},
      {429, Code::resource_exhausted},
      {499, Code::cancelled},
      {500, Code::internal},
      {501, Code::unimplemented},
      {502, Code::internal},
      {503, Code::unavailable},
      {504, Code::deadline_exceeded},
      {599, Code::internal},
      {600, Code::unknown},
      {0, Code::unknown},
      {-7, Code::unknown},
  };
  for (const auto& [http_status, code] : cases)
    EXPECT_EQ(code_from_http(http_status), code) << http_status;
}

// The two directions agree: a code's status gives a code of the same status.
TEST(Code, HttpStatusOfEveryCodeComesBackToItself) {
  for (int number = 0; number < code_count; ++number) {
    const int http_status = info(static_cast<Code>(number)).http_status;
    EXPECT_EQ(info(code_from_http(http_status)).http_status, http_status);
  }
}

}  // namespace
}  // namespace sluice
