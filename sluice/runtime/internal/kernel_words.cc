// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/kernel_words.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace sluice::runtime {

namespace {

class Words {
 public:
  explicit Words(std::span<uintptr_t> out) : out_(out) {}

  // A number may lie across two reads: what follows the last separator is read again. False: the
  // file cannot be read.
  bool add_file(int folder, const char* name) {
    int fd = ::openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    char text[4096];
    size_t kept = 0;
    ssize_t n;
    while ((n = ::read(fd, text + kept, sizeof text - kept)) > 0) {
      size_t size = kept + static_cast<size_t>(n);
      size_t whole = std::string_view(text, size).find_last_of(" \n\t/") + 1;
      if (whole == 0) whole = size;
      add_text(text, whole);
      kept = size - whole;
      std::memmove(text, text + whole, kept);
    }
    add_text(text, kept);
    ::close(fd);
    return n == 0;
  }

  size_t count() const { return count_; }

 private:
  void add_text(const char* text, size_t size) {
    visit_hex_words(text, size, [this](uintptr_t word) {
      if (count_ < out_.size()) out_[count_] = word;
      ++count_;
    });
  }

  std::span<uintptr_t> out_;
  size_t count_ = 0;
};

enum class Descriptor : uint8_t { plain, epoll, secretive };

Descriptor kind_of(int folder, const char* name) {
  char target[64];
  ssize_t n = ::readlinkat(folder, name, target, sizeof target);
  std::string_view link(target, n > 0 ? static_cast<size_t>(n) : 0);
  if (link == "anon_inode:[eventpoll]") return Descriptor::epoll;
  bool secretive = link == "anon_inode:[io_uring]" || link == "anon_inode:[userfaultfd]";
  return secretive ? Descriptor::secretive : Descriptor::plain;
}

class Folder {
 public:
  explicit Folder(const char* path) : fd_(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  ~Folder() {
    if (fd_ >= 0) ::close(fd_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  int fd() const { return fd_; }

 private:
  const int fd_;
};

}  // namespace

const char* read_kernel_words(std::span<uintptr_t> out, size_t* count) {
  Words words(out);
  words.add_file(AT_FDCWD, "/proc/self/timers");
  Folder links("/proc/self/fd");
  Folder infos("/proc/self/fdinfo");
  if (links.fd() < 0 || infos.fd() < 0) return "/proc/self/fd cannot be opened";
  alignas(8) char buffer[4096];
  long n;
  while ((n = ::syscall(SYS_getdents64, links.fd(), buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      Descriptor kind = kind_of(links.fd(), entry->d_name);
      if (kind == Descriptor::secretive) return "an io_uring or userfaultfd is open";
      if (kind == Descriptor::epoll && !words.add_file(infos.fd(), entry->d_name))
        return "/proc/self/fdinfo cannot be read";
    }
  }
  *count = words.count();
  return n < 0 ? "/proc/self/fd cannot be read" : nullptr;
}

}  // namespace sluice::runtime
