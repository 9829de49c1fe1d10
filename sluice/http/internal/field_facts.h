// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/http/internal/head.h"

namespace sluice::http::internal {

// Collects what fields say about framing while they are parsed, and judges them at the end.
class FieldJudge {
 public:
  // Errors (RFC 9112 6): 400 for repeated or malformed Content-Length and Host, 501 for any
  // Transfer-Encoding but "chunked", 417 for an unknown expectation.
  Parsed on_field(std::string_view name, std::string_view value);

  // RFC 9112 6.1, 6.3, 9.3 for requests: fills `facts`.
  Parsed judge_request(Version version, FieldFacts& facts) const;

  // The same for responses; `bodiless` by method or status.
  Parsed judge_response(Version version, bool bodiless, FieldFacts& facts) const;

 private:
  Parsed on_content_length(std::string_view value);
  Parsed on_host(std::string_view value);
  Parsed on_connection(std::string_view value);
  bool keep_alive(Version version) const;

  uint64_t content_length_ = 0;
  std::string_view host_;
  uint32_t hosts_ = 0;
  bool has_content_length_ = false;
  bool has_transfer_encoding_ = false;
  bool close_ = false;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
};

}  // namespace sluice::http::internal
