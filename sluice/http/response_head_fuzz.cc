// SPDX-License-Identifier: Apache-2.0

// The response head parser: splits change nothing, and what it accepts llhttp accepts as well.

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadLimits limits{.head_bytes_max = 512, .fields_max = 8};
  ResponseHead whole;
  Parsed verdict = parse_response_head(bytes, limits, Method::get, whole);
  if (verdict.status == Parsed::Status::complete) {
    require(verdict.consumed <= size && whole.status >= 100 && whole.status <= 999);
    if (llhttp_oracle::available) {
      llhttp_oracle::Verdict theirs =
          llhttp_oracle::read_response(bytes.substr(0, verdict.consumed));
      require(theirs.accepted && theirs.fields == whole.headers.size());
      if (whole.facts.framing == Framing::length)
        require(theirs.content_length == whole.facts.content_length);
    }
  }
  for (size_t cut = 0; cut < size; ++cut) {
    ResponseHead part;
    Parsed early = parse_response_head(bytes.substr(0, cut), limits, Method::get, part);
    if (early.status == Parsed::Status::complete)
      require(verdict.status == Parsed::Status::complete && early.consumed == verdict.consumed);
    if (early.status == Parsed::Status::error) require(verdict.status == Parsed::Status::error);
  }
  return 0;
}
