// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/chars.h"
#include "sluice/http/internal/field_facts.h"
#include "sluice/http/internal/head.h"
#include "sluice/http/internal/head_cursor.h"

namespace sluice::http::internal {
namespace {

constexpr int bad_response = 502;  // whoever passes the failure on is a gateway

Parsed parse_version(Cursor& cursor, ResponseHead& head) {
  bool incomplete = false;
  if (!take_literal(cursor, "HTTP/1.", incomplete))
    return Parsed::error(bad_response, "malformed status line");
  if (incomplete || cursor.done()) return {};
  if (*cursor.at != '0' && *cursor.at != '1')
    return Parsed::error(bad_response, "version not supported");
  head.version = *cursor.at == '1' ? Version::http_1_1 : Version::http_1_0;
  ++cursor.at;
  return Parsed::complete(0);
}

Parsed parse_status(Cursor& cursor, ResponseHead& head) {
  if (cursor.done()) return {};
  if (*cursor.at++ != ' ') return Parsed::error(bad_response, "malformed status line");
  head.status = 0;
  for (int digits = 0; digits < 3; ++digits, ++cursor.at) {
    if (cursor.done()) return {};
    if (*cursor.at < '0' || *cursor.at > '9')
      return Parsed::error(bad_response, "malformed status code");
    head.status = head.status * 10 + (*cursor.at - '0');
  }
  if (head.status < 100) return Parsed::error(bad_response, "malformed status code");
  if (cursor.done()) return {};
  head.reason = {};
  // RFC 9112 4: the space belongs to the line even without a reason, but many servers omit it.
  if (*cursor.at == ' ') {
    const char* start = ++cursor.at;
    cursor.at += value_prefix(cursor.at, cursor.end);
    head.reason = {start, size_t(cursor.at - start)};
  }
  switch (take_line_end(cursor)) {
    case LineEnd::found:
      return Parsed::complete(0);
    case LineEnd::incomplete:
      return {};
    case LineEnd::bad:
      break;
  }
  return Parsed::error(bad_response, "malformed status line");
}

Parsed parse_response(Cursor& cursor, const HeadLimits& limits, Method request_method,
                      ResponseHead& head) {
  Parsed step = parse_version(cursor, head);
  if (step.status == Parsed::Status::complete) step = parse_status(cursor, head);
  if (step.status != Parsed::Status::complete) return step;

  FieldJudge judge;
  step = parse_fields(cursor, limits, head.headers, [&](auto name, auto value) {
    // Host and Expect mean nothing in a response.
    if (equals_ignoring_case(name, "host") || equals_ignoring_case(name, "expect")) return Parsed{};
    return judge.on_field(name, value);
  });
  if (step.status != Parsed::Status::complete) return step;
  // RFC 9112 6.3 1: no body whatever the fields say.
  bool bodiless = request_method == Method::head || head.status < 200 || head.status == 204 ||
                  head.status == 304;
  Parsed verdict = judge.judge_response(head.version, bodiless, head.facts);
  return verdict.status == Parsed::Status::error ? verdict : step;
}

}  // namespace

Parsed parse_response_head(std::string_view bytes, const HeadLimits& limits, Method request_method,
                           ResponseHead& head) {
  head.headers.clear();
  head.facts = {};
  Cursor cursor(bytes);
  Parsed verdict = bounded(parse_response(cursor, limits, request_method, head), bytes, limits);
  if (verdict.status == Parsed::Status::error) verdict.http_status = bad_response;
  return verdict;
}

Parsed parse_trailers(std::string_view bytes, const HeadLimits& limits, Headers& trailers) {
  trailers.clear();
  Cursor cursor(bytes);
  Parsed verdict = parse_fields(cursor, limits, trailers, [](auto name, auto) {
    for (std::string_view framing : {"content-length", "transfer-encoding", "host", "trailer",
                                     "connection", "te", "expect", "content-encoding"})
      if (equals_ignoring_case(name, framing))
        return Parsed::error(400, "forbidden field in a trailer");
    return Parsed{};
  });
  return bounded(verdict, bytes, limits);
}

}  // namespace sluice::http::internal
