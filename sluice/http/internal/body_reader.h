// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/base/result.h"
#include "sluice/http/headers.h"
#include "sluice/http/internal/chunked.h"
#include "sluice/http/internal/head.h"
#include "sluice/http/internal/read_buffer.h"

namespace sluice::http::internal {

// What BodyReader fails with, by identity.
inline constexpr ErrorSentinel body_malformed{Code::invalid_argument, "malformed chunked body"};
inline constexpr ErrorSentinel body_cut_off{Code::unavailable, "body cut off by the peer"};
inline constexpr ErrorSentinel body_too_large{Code::resource_exhausted, "body too large"};

// Where more bytes of a connection come from.
class ByteSource {
 public:
  // Waits for bytes; 0 is the end of the stream.
  virtual Result<size_t> receive(std::span<char> out) = 0;

 protected:
  ~ByteSource() = default;
};

// Reads one HTTP/1.1 body off a connection, whatever its framing. Used by one goroutine.
class BodyReader {
 public:
  void start(Framing framing, uint64_t length, uint64_t bytes_max);

  // A piece of the body, first from what `in` holds; 0 at its end.
  // Errors: the sentinels above and the source's. An error ends the body for good.
  Result<size_t> read(ReadBuffer& in, ByteSource& source, std::span<char> out);

  bool at_end() const { return framing_ == Framing::none; }
  bool failed() const { return failed_; }
  // Bytes still to come where that is known, else 2^64-1; 0 at the end.
  uint64_t left() const;
  const Headers& trailers() const { return trailers_; }

 private:
  Result<size_t> read_plain(ReadBuffer& in, ByteSource& source, std::span<char> out);
  Result<size_t> read_chunked(ReadBuffer& in, ByteSource& source, std::span<char> out);
  Result<void> read_trailers(ReadBuffer& in, ByteSource& source);
  Result<void> fill(ReadBuffer& in, ByteSource& source);

  Framing framing_ = Framing::none;  // none: at the end
  bool failed_ = false;
  uint64_t left_ = 0;       // framing_ == length
  uint64_t allowance_ = 0;  // bytes that may still come
  ChunkedDecoder decoder_;
  Headers trailers_;
};

}  // namespace sluice::http::internal
