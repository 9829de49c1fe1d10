// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/http/headers.h"
#include "sluice/http/method.h"

namespace sluice::http::internal {

// How large the head of a message may be.
struct HeadLimits {
  size_t target_bytes_max = 8 * 1024;  // beyond: 414
  size_t head_bytes_max = 32 * 1024;   // start line, fields and the empty line; beyond: 431
  size_t fields_max = 100;             // beyond: 431
};

// The outcome of looking at the bytes received so far. The parsers are pure functions of those
// bytes: how they were split into reads changes nothing but the moment of the verdict.
struct Parsed {
  enum class Status : uint8_t { incomplete, complete, error };

  Status status = Status::incomplete;
  int http_status = 0;      // error: what to answer
  size_t consumed = 0;      // complete: bytes of the head
  std::string_view reason;  // error: for the log; static text

  static Parsed complete(size_t consumed) { return {Status::complete, 0, consumed, {}}; }
  static Parsed error(int status, std::string_view reason) {
    return {Status::error, status, 0, reason};
  }
};

// How the length of a body is known (RFC 9112 6.3).
enum class Framing : uint8_t { none, length, chunked, until_close };

// What the fields say about the message and the connection.
struct FieldFacts {
  Framing framing = Framing::none;
  bool keep_alive = true;
  bool expects_continue = false;
  uint64_t content_length = 0;  // framing == length
  std::string_view host;        // of the Host field
};

struct RequestHead {
  Method method = Method::get;
  Version version = Version::http_1_1;
  std::string_view method_name;
  std::string_view target;  // as sent
  Headers headers;          // views into the parsed bytes
  FieldFacts facts;
};

struct ResponseHead {
  Version version = Version::http_1_1;
  int status = 0;
  std::string_view reason;
  Headers headers;
  FieldFacts facts;
};

// RFC 9112, strictly: CRLF line ends only, no white space before a colon, no line folding, one
// Host, one Content-Length, Transfer-Encoding exactly "chunked" and never beside Content-Length.
// `head` is cleared first and complete only when the answer is.
Parsed parse_request_head(std::string_view bytes, const HeadLimits& limits, RequestHead& head);

// As above for a client. `request_method` decides which responses have no body (RFC 9112 6.3).
Parsed parse_response_head(std::string_view bytes, const HeadLimits& limits, Method request_method,
                           ResponseHead& head);

// A trailer section up to and with its empty line. Fields that frame or route a message are
// refused (RFC 9110 6.5.1).
Parsed parse_trailers(std::string_view bytes, const HeadLimits& limits, Headers& trailers);

// True: "host", "host:port", "[v6]:port" in the letters of RFC 3986 3.2.2.
bool valid_host(std::string_view host);

}  // namespace sluice::http::internal
