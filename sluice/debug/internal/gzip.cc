// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/gzip.h"

#include <zlib.h>

#include "sluice/base/assert.h"

namespace sluice::debug::internal {

std::string gzip(std::string_view data) {
  z_stream stream = {};
  constexpr int gzip_window = 15 + 16;
  int begun = ::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip_window, 8,
                             Z_DEFAULT_STRATEGY);
  SLUICE_ASSERT(begun == Z_OK, "zlib: out of memory");
  std::string out(::deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int ended = ::deflate(&stream, Z_FINISH);
  SLUICE_ASSERT(ended == Z_STREAM_END, "zlib: the output is larger than its bound");
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

}  // namespace sluice::debug::internal
