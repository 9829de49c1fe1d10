// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/field_facts.h"

#include "sluice/http/internal/chars.h"

namespace sluice::http::internal {

Parsed FieldJudge::on_field(std::string_view name, std::string_view value) {
  switch (name.size()) {
    case 4:
      if (equals_ignoring_case(name, "host")) return on_host(value);
      break;
    case 6:
      if (!equals_ignoring_case(name, "expect")) break;
      // RFC 9110 10.1.1: the only expectation there is.
      if (!equals_ignoring_case(value, "100-continue"))
        return Parsed::error(417, "unknown expectation");
      expects_continue_ = true;
      break;
    case 10:
      if (equals_ignoring_case(name, "connection")) return on_connection(value);
      break;
    case 14:
      if (equals_ignoring_case(name, "content-length")) return on_content_length(value);
      break;
    case 17:
      if (!equals_ignoring_case(name, "transfer-encoding")) break;
      // A second field makes it a list: no longer exactly "chunked".
      if (has_transfer_encoding_ || !equals_ignoring_case(value, "chunked"))
        return Parsed::error(501, "transfer coding other than chunked");
      has_transfer_encoding_ = true;
      break;
    default:
      break;
  }
  return {};
}

Parsed FieldJudge::on_content_length(std::string_view value) {
  // RFC 9112 6.3 5: equal repetitions may be merged; refusing them all is simpler and stricter.
  if (has_content_length_) return Parsed::error(400, "repeated Content-Length");
  if (!parse_decimal(value, content_length_)) return Parsed::error(400, "bad Content-Length");
  has_content_length_ = true;
  return {};
}

Parsed FieldJudge::on_host(std::string_view value) {
  if (++hosts_ > 1) return Parsed::error(400, "repeated Host");
  if (!valid_host(value)) return Parsed::error(400, "bad Host");
  host_ = value;
  return {};
}

Parsed FieldJudge::on_connection(std::string_view value) {
  for_each_element(value, [&](std::string_view option) {
    if (equals_ignoring_case(option, "close")) close_ = true;
    if (equals_ignoring_case(option, "keep-alive")) keep_alive_ = true;
  });
  return {};
}

// RFC 9112 9.3.
bool FieldJudge::keep_alive(Version version) const {
  if (close_) return false;
  return version != Version::http_1_0 || keep_alive_;
}

Parsed FieldJudge::judge_request(Version version, FieldFacts& facts) const {
  // RFC 9112 3.2: HTTP/1.1 requests name their host exactly once.
  if (version == Version::http_1_1 && hosts_ == 0) return Parsed::error(400, "no Host");
  if (has_transfer_encoding_) {
    // RFC 9112 6.1: both together is how requests are smuggled; in HTTP/1.0 it has no meaning.
    if (has_content_length_) return Parsed::error(400, "Transfer-Encoding beside Content-Length");
    if (version == Version::http_1_0) return Parsed::error(400, "Transfer-Encoding in HTTP/1.0");
    facts.framing = Framing::chunked;
  } else if (has_content_length_) {
    facts.framing = content_length_ == 0 ? Framing::none : Framing::length;
  }
  facts.content_length = content_length_;
  facts.keep_alive = keep_alive(version);
  facts.expects_continue = expects_continue_ && version != Version::http_1_0;
  facts.host = host_;
  return {};
}

Parsed FieldJudge::judge_response(Version version, bool bodiless, FieldFacts& facts) const {
  if (has_transfer_encoding_ && has_content_length_)
    return Parsed::error(502, "Transfer-Encoding beside Content-Length");
  if (has_transfer_encoding_ && version == Version::http_1_0)
    return Parsed::error(502, "Transfer-Encoding in HTTP/1.0");
  facts.content_length = content_length_;
  facts.keep_alive = keep_alive(version);
  if (bodiless) {
    facts.framing = Framing::none;
  } else if (has_transfer_encoding_) {
    facts.framing = Framing::chunked;
  } else if (has_content_length_) {
    facts.framing = content_length_ == 0 ? Framing::none : Framing::length;
  } else {
    facts.framing = Framing::until_close;
    facts.keep_alive = false;
  }
  return {};
}

bool valid_host(std::string_view host) {
  std::string_view port;
  if (host.starts_with('[')) {
    size_t bracket = host.find(']');
    if (bracket == std::string_view::npos || bracket == 1) return false;
    for (char c : host.substr(1, bracket - 1))
      if (hex_digit(c) < 0 && c != ':' && c != '.') return false;
    port = host.substr(bracket + 1);
  } else {
    size_t colon = host.find(':');
    if (!all_are(host.substr(0, colon), kHost)) return false;
    if (colon != std::string_view::npos) port = host.substr(colon);
  }
  if (port.empty()) return true;
  if (port.front() != ':' || port.size() > 6) return false;
  for (char c : port.substr(1))
    if (c < '0' || c > '9') return false;
  return true;
}

}  // namespace sluice::http::internal
