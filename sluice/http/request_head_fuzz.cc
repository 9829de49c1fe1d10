// SPDX-License-Identifier: Apache-2.0

// The request head parser: how the bytes are split changes nothing, and what it accepts llhttp
// (where that is installed) accepts as well and reads the same.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sluice/http/internal/head.h"
#include "sluice/http/internal/llhttp_oracle.h"

using namespace sluice::http;
using namespace sluice::http::internal;

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

void compare_with_oracle(std::string_view head, const RequestHead& ours) {
  if (!llhttp_oracle::available) return;
  // CONNECT's target and extension methods are beyond what it knows.
  if (ours.method == Method::connect || ours.method == Method::other) return;
  llhttp_oracle::Verdict verdict = llhttp_oracle::read_request(head);
  require(verdict.accepted);
  require(verdict.chunked == (ours.facts.framing == Framing::chunked));
  if (ours.facts.framing == Framing::length)
    require(verdict.content_length == ours.facts.content_length);
  require(verdict.fields == ours.headers.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadLimits limits{.target_bytes_max = 64, .head_bytes_max = 512, .fields_max = 8};
  RequestHead whole;
  Parsed verdict = parse_request_head(bytes, limits, whole);
  if (verdict.status == Parsed::Status::complete) {
    require(verdict.consumed <= bytes.size() && verdict.consumed <= limits.head_bytes_max);
    require(bytes.substr(0, verdict.consumed).ends_with("\r\n\r\n"));
    require(whole.facts.framing != Framing::until_close);
    compare_with_oracle(bytes.substr(0, verdict.consumed), whole);
  }
  for (size_t cut = 0; cut < size; ++cut) {
    RequestHead part;
    Parsed early = parse_request_head(bytes.substr(0, cut), limits, part);
    switch (early.status) {
      case Parsed::Status::complete:
        require(verdict.status == Parsed::Status::complete && early.consumed == verdict.consumed);
        break;
      case Parsed::Status::error:
        require(verdict.status == Parsed::Status::error);
        break;
      case Parsed::Status::incomplete:
        require(verdict.status != Parsed::Status::complete || cut < verdict.consumed);
        break;
    }
  }
  return 0;
}
