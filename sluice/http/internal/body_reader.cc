// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/internal/body_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace sluice::http::internal {
namespace {

constexpr HeadLimits trailer_limits{.head_bytes_max = 8 * 1024, .fields_max = 32};

}  // namespace

void BodyReader::start(Framing framing, uint64_t length, uint64_t bytes_max) {
  framing_ = framing;
  failed_ = false;
  left_ = length;
  allowance_ = bytes_max;
  decoder_ = {};
  trailers_.clear();
}

uint64_t BodyReader::left() const {
  if (framing_ == Framing::none) return 0;
  return framing_ == Framing::length ? left_ : std::numeric_limits<uint64_t>::max();
}

Result<size_t> BodyReader::read(ReadBuffer& in, ByteSource& source, std::span<char> out) {
  if (framing_ == Framing::none || out.empty()) return size_t(0);
  if (failed_) return body_cut_off;
  Result<size_t> got =
      framing_ == Framing::chunked ? read_chunked(in, source, out) : read_plain(in, source, out);
  if (got && *got > allowance_) got = Result<size_t>(body_too_large);
  if (got) allowance_ -= *got;
  failed_ = !got;
  return got;
}

Result<size_t> BodyReader::read_plain(ReadBuffer& in, ByteSource& source, std::span<char> out) {
  if (framing_ == Framing::length) out = out.first(size_t(std::min<uint64_t>(out.size(), left_)));
  size_t got = std::min(in.size(), out.size());
  if (got > 0) {
    std::memcpy(out.data(), in.view().data(), got);
    in.consume(got);
  } else {
    // Straight into the caller's memory; never beyond the body's end.
    got = SLUICE_TRY(source.receive(out));
    if (got == 0 && framing_ == Framing::length) return body_cut_off;
    if (got == 0) framing_ = Framing::none;
  }
  if (framing_ == Framing::length && (left_ -= got) == 0) framing_ = Framing::none;
  return got;
}

Result<size_t> BodyReader::read_chunked(ReadBuffer& in, ByteSource& source, std::span<char> out) {
  for (;;) {
    // No step can yield more data than it was shown.
    ChunkedDecoder::Step step = decoder_.next(in.view().substr(0, out.size()));
    if (step.event == ChunkedDecoder::Event::error) return body_malformed;
    size_t got = step.data.size();
    if (got > 0) std::memcpy(out.data(), step.data.data(), got);
    in.consume(step.consumed);
    switch (step.event) {
      case ChunkedDecoder::Event::data:
        return got;
      case ChunkedDecoder::Event::end:
        SLUICE_TRY(read_trailers(in, source));
        framing_ = Framing::none;
        return size_t(0);
      default:
        if (in.empty()) SLUICE_TRY(fill(in, source));
    }
  }
}

Result<void> BodyReader::read_trailers(ReadBuffer& in, ByteSource& source) {
  for (;;) {
    Parsed parsed = parse_trailers(in.view(), trailer_limits, trailers_);
    if (parsed.status == Parsed::Status::error) return body_malformed;
    if (parsed.status == Parsed::Status::complete) {
      in.consume(parsed.consumed);
      return {};
    }
    SLUICE_TRY(fill(in, source));
  }
}

Result<void> BodyReader::fill(ReadBuffer& in, ByteSource& source) {
  size_t got = SLUICE_TRY(source.receive(in.prepare()));
  if (got == 0) return body_cut_off;
  in.commit(got);
  return {};
}

}  // namespace sluice::http::internal
