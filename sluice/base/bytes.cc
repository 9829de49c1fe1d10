// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/bytes.h"

#include <cstdlib>
#include <cstring>

#include "sluice/base/assert.h"

namespace sluice {
namespace {

constexpr size_t capacity_min = 256;
constexpr size_t capacity_max = size_t{1} << 46;  // beyond any address space: a size gone wrong

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  Buffer moved(std::move(other));
  std::swap(data_, moved.data_);
  std::swap(capacity_, moved.capacity_);
  std::swap(begin_, moved.begin_);
  std::swap(end_, moved.end_);
  return *this;
}

Buffer::~Buffer() { std::free(data_); }

void Buffer::append(Bytes bytes) {
  if (bytes.empty()) return;
  const bool own = bytes.data() >= data_ && bytes.data() < data_ + end_;
  const size_t offset = own ? static_cast<size_t>(bytes.data() - (data_ + begin_)) : 0;
  make_room(bytes.size());
  const char* from = own ? data_ + begin_ + offset : bytes.data();
  std::memmove(data_ + end_, from, bytes.size());
  end_ += bytes.size();
}

MutableBytes Buffer::prepare(size_t n) {
  make_room(n);
  return MutableBytes(data_ + end_, capacity_ - end_);
}

void Buffer::commit(size_t n) {
  SLUICE_ASSERT(n <= capacity_ - end_, "commit of more than was prepared");
  end_ += n;
}

void Buffer::consume(size_t n) {
  SLUICE_ASSERT(n <= size(), "consume of more than is readable");
  begin_ += n;
  if (begin_ == end_) clear();
}

void Buffer::release() noexcept {
  if (!empty()) return;
  std::free(data_);
  data_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

void Buffer::reserve(size_t n) {
  if (n > size()) make_room(n - size());
}

// Makes capacity_ - end_ at least n.
void Buffer::make_room(size_t n) {
  if (n <= capacity_ - end_) return;
  SLUICE_ASSERT(n <= capacity_max && size() <= capacity_max - n, "a buffer beyond memory");
  const size_t needed = size() + n;
  // Moving down is worth it when less is moved than was freed; else a byte could be moved often.
  if (needed <= capacity_ && size() <= begin_) {
    std::memmove(data_, data_ + begin_, size());
  } else {
    size_t capacity = capacity_ * 2 > capacity_min ? capacity_ * 2 : capacity_min;
    if (capacity < needed) capacity = needed;
    char* data = static_cast<char*>(std::malloc(capacity));
    if (data == nullptr) fatal("out of memory: growing a buffer");
    if (!empty()) std::memcpy(data, data_ + begin_, size());
    std::free(data_);
    data_ = data;
    capacity_ = capacity;
  }
  end_ = size();
  begin_ = 0;
}

}  // namespace sluice
