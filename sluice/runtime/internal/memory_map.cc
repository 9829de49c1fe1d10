// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/memory_map.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace sluice::runtime {

const size_t page_bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));

namespace {

constexpr size_t text_bytes = 64 << 20;  // of /proc/self/maps; touched as far as it goes

bool take_hex(std::string_view& text, uintptr_t* value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value, 16);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

Mapping::Kind kind_of(std::string_view path) {
  using Kind = Mapping::Kind;
  if (path.empty() || path.starts_with("[anon:")) return Kind::anonymous;
  if (path == "[heap]") return Kind::heap;
  if (path == "[stack]") return Kind::main_stack;
  if (path.starts_with("anon_inode:[io_uring]")) return Kind::io_uring;
  for (std::string_view memory : {"[anon_shmem:", "/dev/zero", "/dev/shm/", "/dev/hugepages",
                                  "/anon_hugepage", "/memfd:", "/secretmem", "/SYSV"})
    if (path.starts_with(memory)) return Kind::memory_file;
  if (path.starts_with("/dev/") || !path.starts_with('/')) return Kind::special;
  return Kind::file;
}

// The whole file; empty if it cannot be read or does not fit.
std::string_view read_all(const char* path, std::span<char> room) {
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  size_t size = 0;
  ssize_t n = 1;
  while (n > 0 && size < room.size()) {
    n = ::read(fd, room.data() + size, std::min<size_t>(room.size() - size, 1 << 20));
    if (n > 0) size += static_cast<size_t>(n);
    if (n < 0 && errno == EINTR) n = 1;
  }
  ::close(fd);
  return n == 0 ? std::string_view(room.data(), size) : std::string_view();
}

}  // namespace

// "55d0c0a00000-55d0c0a21000 rw-p 00000000 00:00 0          [heap]"
bool parse_mapping(std::string_view line, Mapping* mapping) {
  if (!take_hex(line, &mapping->begin) || !line.starts_with('-')) return false;
  line.remove_prefix(1);
  if (!take_hex(line, &mapping->end) || line.size() < 6 || line[0] != ' ') return false;
  mapping->readable = line[1] == 'r';
  mapping->writable = line[2] == 'w';
  mapping->executable = line[3] == 'x';
  mapping->shared = line[4] == 's';
  line.remove_prefix(5);
  for (int field = 0; field < 3; ++field) {  // offset, device, inode
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    line.remove_prefix(std::min(line.find(' '), line.size()));
  }
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping->kind = kind_of(line);
  return true;
}

std::span<const Mapping> read_mappings(Scratch* scratch) {
  std::span<char> room = scratch->array<char>(text_bytes);
  std::string_view text = read_all("/proc/self/maps", room);
  size_t lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  std::span<Mapping> mappings = scratch->array<Mapping>(lines);
  size_t count = 0;
  while (!text.empty() && count < mappings.size()) {
    size_t end = text.find('\n');
    if (end == std::string_view::npos || !parse_mapping(text.substr(0, end), &mappings[count]))
      return {};
    ++count;
    text.remove_prefix(end + 1);
  }
  return mappings.first(count);
}

PagesInUse::PagesInUse() : fd_(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
PagesInUse::~PagesInUse() {
  if (fd_ >= 0) ::close(fd_);
}

// Bit 63: in memory, bit 62: swapped out (admin-guide/mm/pagemap of the kernel's documentation).
bool PagesInUse::used(uintptr_t page) {
  constexpr uint64_t present_or_swapped = uint64_t{3} << 62;
  if (fd_ < 0) return true;
  if (page < cached_ || page - cached_ >= cached_count_ * page_bytes) {
    ssize_t n = ::pread(fd_, entries_, sizeof entries_,
                        static_cast<off_t>(page / page_bytes * sizeof entries_[0]));
    if (n < static_cast<ssize_t>(sizeof entries_[0])) return true;
    cached_ = page;
    cached_count_ = static_cast<size_t>(n) / sizeof entries_[0];
  }
  return (entries_[(page - cached_) / page_bytes] & present_or_swapped) != 0;
}

PagesInUse::Run PagesInUse::next(uintptr_t begin, uintptr_t end) {
  uintptr_t page = begin / page_bytes * page_bytes;
  while (page < end && !used(page)) page += page_bytes;
  uintptr_t last = page;
  while (last < end && used(last)) last += page_bytes;
  return {std::clamp(page, begin, end), std::min(last, end)};
}

SafeReader::SafeReader() : fd_(::open("/proc/self/mem", O_RDONLY | O_CLOEXEC)) {}
SafeReader::~SafeReader() {
  if (fd_ >= 0) ::close(fd_);
}

size_t SafeReader::read(uintptr_t from, std::span<char> to) const {
  for (;;) {
    ssize_t n = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(from));
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) return 0;
  }
}

}  // namespace sluice::runtime
