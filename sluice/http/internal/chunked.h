// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/http/internal/head.h"

namespace sluice::http::internal {

// Takes the chunked transfer coding off a body (RFC 9112 7.1), fed with whatever was received.
//
// next() looks at the start of `bytes` and says how many of them it used; data is a view into
// them. The trailer section is not parsed here: after `end` the caller feeds parse_trailers().
// Strict: CRLF only, at most 16 digits, extensions by the grammar and of bounded total size (an
// endless stream of them is an attack), no white space anywhere.
class ChunkedDecoder {
 public:
  enum class Event : uint8_t {
    incomplete,  // needs more bytes; `consumed` of them are done with
    data,        // `data` is the next piece of the body
    end,         // the last chunk's line was read; the trailer section follows
    error,       // malformed; `reason` says how
  };
  struct Step {
    Event event = Event::incomplete;
    size_t consumed = 0;
    std::string_view data;
    std::string_view reason;
  };

  Step next(std::string_view bytes);

 private:
  enum class State : uint8_t {
    size_first,
    size,
    size_end,
    data,
    data_cr,
    data_lf,
    extension_name_first,
    extension_name,
    extension_value_first,
    extension_token,
    extension_quoted,
    extension_escape,
    extension_quoted_end,
    end,
  };

  // Advances over one byte of a size line or a chunk's line end. False: malformed.
  bool on_byte(char c);
  bool on_extension_byte(char c);
  bool on_line_part_end(char c);

  State state_ = State::size_first;
  uint8_t digits_ = 0;
  uint32_t extension_bytes_ = 0;  // over the whole body
  uint64_t left_ = 0;             // of the chunk
};

// Writes the size line of a chunk, "1a\r\n", at the front of `out` and returns its length.
// 18 bytes always suffice.
size_t write_chunk_size(uint64_t size, std::span<char> out);

}  // namespace sluice::http::internal
