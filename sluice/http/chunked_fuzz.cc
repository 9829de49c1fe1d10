// SPDX-License-Identifier: Apache-2.0

// The chunked coding: byte by byte gives what all at once gives, and a body that is accepted has
// the same length for llhttp (where that is installed).

#include "sluice/http/internal/chunked.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sluice/http/internal/llhttp_oracle.h"

using namespace sluice::http;
using namespace sluice::http::internal;

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

struct Outcome {
  ChunkedDecoder::Event event = ChunkedDecoder::Event::incomplete;
  std::string data;
  size_t consumed = 0;

  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view bytes, size_t piece_bytes) {
  ChunkedDecoder decoder;
  Outcome outcome;
  std::string_view window;
  while (true) {
    ChunkedDecoder::Step step = decoder.next(window);
    require(step.consumed <= window.size() && step.data.size() <= window.size());
    outcome.event = step.event;
    outcome.data += step.data;
    outcome.consumed += step.consumed;
    if (step.event == ChunkedDecoder::Event::end || step.event == ChunkedDecoder::Event::error)
      return outcome;
    if (outcome.consumed >= bytes.size()) {
      outcome.event = ChunkedDecoder::Event::incomplete;
      return outcome;
    }
    window = bytes.substr(outcome.consumed, piece_bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Outcome whole = decode(bytes, SIZE_MAX);
  for (size_t piece : {1, 2, 3, 7}) require(decode(bytes, piece) == whole);
  // llhttp 8 refuses some extensions' values that RFC 9112 7.1.1 allows: quoted pairs, and a
  // further extension after a token.
  bool has_value = bytes.substr(0, whole.consumed).find('=') != std::string_view::npos;
  if (whole.event == ChunkedDecoder::Event::end && !has_value && llhttp_oracle::available) {
    std::string message = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    message += bytes.substr(0, whole.consumed);
    message += "\r\n";
    llhttp_oracle::Verdict verdict = llhttp_oracle::read_request_with_body(message);
    require(verdict.accepted && verdict.body_bytes == whole.data.size());
  }

  Headers trailers;
  HeadLimits limits{.head_bytes_max = 512, .fields_max = 8};
  Parsed parsed = parse_trailers(bytes, limits, trailers);
  if (parsed.status == Parsed::Status::complete) require(parsed.consumed <= size);
  return 0;
}
