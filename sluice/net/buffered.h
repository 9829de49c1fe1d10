// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "sluice/base/result.h"
#include "sluice/net/conn.h"

namespace sluice::net {

// Reads a Conn through a buffer, for protocols of lines and records. The Conn must outlive it and
// be read by nobody else meanwhile. Used by one goroutine at a time. Views die with the next call.
class BufferedReader {
 public:
  explicit BufferedReader(Conn& conn, size_t buffer_bytes = 4096);

  // What is buffered, else one read of the Conn; 0 at the end of the stream. Errors: Conn::read's.
  Result<size_t> read(std::span<char> out);

  // Fills `out`. Errors: Conn::read's; unavailable when the stream ends before.
  Result<void> read_exactly(std::span<char> out);

  // Up to and with the first `delimiter`; what is left when the stream ends without one, so that ""
  // is the end. Errors: Conn::read's; resource_exhausted beyond `bytes_max`.
  Result<std::string_view> read_until(char delimiter, size_t bytes_max = 64 * 1024);

  // A line without its "\n" or "\r\n". Errors: as read_until(); out_of_range at the end.
  Result<std::string_view> read_line(size_t bytes_max = 64 * 1024);

  size_t buffered() const { return end_ - begin_; }

 private:
  // Reads more behind what is buffered. False: end of the stream.
  Result<bool> fill();

  Conn& conn_;
  std::string buffer_;  // bytes [begin_, end_) are buffered
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Collects small writes to a Conn; flush() sends them. What is not flushed is lost: a destructor
// could not report that it failed. Used by one goroutine at a time.
class BufferedWriter {
 public:
  explicit BufferedWriter(Conn& conn, size_t buffer_bytes = 4096);

  // Errors: Conn::write's.
  Result<void> write(std::string_view data);
  Result<void> flush();

  size_t buffered() const { return buffer_.size(); }

 private:
  Conn& conn_;
  size_t buffer_bytes_;
  std::string buffer_;
};

}  // namespace sluice::net
