// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/buffered.h"

#include <algorithm>
#include <cstring>

namespace sluice::net {

BufferedReader::BufferedReader(Conn& conn, size_t buffer_bytes) : conn_(conn) {
  buffer_.resize(std::max<size_t>(buffer_bytes, 16));
}

Result<bool> BufferedReader::fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    } else {
      buffer_.resize(buffer_.size() * 2);
    }
  }
  size_t got = SLUICE_TRY(conn_.read({buffer_.data() + end_, buffer_.size() - end_}));
  end_ += got;
  return got > 0;
}

Result<size_t> BufferedReader::read(std::span<char> out) {
  if (begin_ == end_) return conn_.read(out);
  size_t size = std::min(out.size(), buffered());
  std::memcpy(out.data(), buffer_.data() + begin_, size);
  begin_ += size;
  return size;
}

Result<void> BufferedReader::read_exactly(std::span<char> out) {
  while (!out.empty()) {
    size_t got = SLUICE_TRY(read(out));
    if (got == 0) return Error(Code::unavailable, "the stream ended early");
    out = out.subspan(got);
  }
  return {};
}

Result<std::string_view> BufferedReader::read_until(char delimiter, size_t bytes_max) {
  for (size_t seen = 0;;) {
    std::string_view there(buffer_.data() + begin_, buffered());
    size_t at = there.find(delimiter, seen);
    seen = there.size();
    if (at == std::string_view::npos && seen <= bytes_max) {
      if (SLUICE_TRY(fill())) continue;
      at = seen - (seen > 0);
    }
    size_t size = seen == 0 ? 0 : at + 1;
    if (at == std::string_view::npos || size > bytes_max)
      return Error(Code::resource_exhausted, "a line is too long");
    std::string_view found(buffer_.data() + begin_, size);
    begin_ += size;
    return found;
  }
}

Result<std::string_view> BufferedReader::read_line(size_t bytes_max) {
  std::string_view line = SLUICE_TRY(read_until('\n', bytes_max));
  if (line.empty()) return Error(Code::out_of_range, "end of the stream");
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

BufferedWriter::BufferedWriter(Conn& conn, size_t buffer_bytes)
    : conn_(conn), buffer_bytes_(buffer_bytes) {
  buffer_.reserve(buffer_bytes);
}

Result<void> BufferedWriter::write(std::string_view data) {
  if (buffer_.size() + data.size() <= buffer_bytes_) {
    buffer_ += data;
    return {};
  }
  iovec pieces[2] = {{buffer_.data(), buffer_.size()},
                     {const_cast<char*>(data.data()), data.size()}};
  Result<void> written = conn_.writev(pieces);
  buffer_.clear();
  return written;
}

Result<void> BufferedWriter::flush() {
  if (buffer_.empty()) return {};
  Result<void> written = conn_.write(buffer_);
  buffer_.clear();
  return written;
}

}  // namespace sluice::net
