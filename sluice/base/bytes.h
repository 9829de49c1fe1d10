// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace sluice {

// Bytes that somebody else owns, to be read; protocols are text half of the time, hence char.
using Bytes = std::string_view;

// Bytes that somebody else owns, to be written into.
using MutableBytes = std::span<char>;

// A queue of bytes between a producer and a parser, in one piece of memory: input is read into the
// space behind, parsed where it lies, and consumed in front.
//
//   MutableBytes space = buffer.prepare(4096);
//   buffer.commit(read(fd, space));
//   buffer.consume(parse(buffer.readable()));
//
// Views of it (readable(), prepare()) hold until the next call that is not const.
// Growth doubles, so appending costs O(1) a byte; consuming costs nothing. An empty buffer keeps
// its memory until release(). Running out of memory ends the process. Thread-safety: none; one
// owner at a time.
class Buffer {
 public:
  Buffer() noexcept = default;
  explicit Buffer(size_t capacity) { reserve(capacity); }
  Buffer(Buffer&& other) noexcept;  // moved from, a Buffer is empty and without memory
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  // Copies bytes to the end. They may be a part of this buffer.
  void append(Bytes bytes);

  // Space for at least n bytes behind the readable ones: all there is, so that one read may fill
  // it. Write from its front, then commit().
  MutableBytes prepare(size_t n);

  // Makes the first n prepared bytes readable. n is at most what prepare() gave.
  void commit(size_t n);

  // Drops the first n readable bytes. n is at most size().
  void consume(size_t n);

  // Drops all readable bytes and keeps the memory.
  void clear() noexcept { begin_ = end_ = 0; }

  // Gives the memory back when there is nothing to read: what an idle connection costs.
  void release() noexcept;

  // Room for n readable bytes in all, without a further allocation.
  void reserve(size_t n);

  Bytes readable() const noexcept { return Bytes(data_ + begin_, end_ - begin_); }
  MutableBytes readable_mutable() noexcept { return MutableBytes(data_ + begin_, end_ - begin_); }
  size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }
  size_t capacity() const noexcept { return capacity_; }

 private:
  void make_room(size_t n);

  char* data_ = nullptr;
  size_t capacity_ = 0;
  size_t begin_ = 0;  // begin_ <= end_ <= capacity_
  size_t end_ = 0;
};

}  // namespace sluice
