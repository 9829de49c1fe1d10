// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/blocked_thread.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::runtime {

namespace {

// Reads /proc/self/task/<tid>/<name> into `text`; false when there is nothing to read.
bool read_task_file(int tid, const char* name, char* text, size_t bytes) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/%s", tid, name);
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = ::read(fd, text, bytes - 1);
  ::close(fd);
  if (length <= 0) return false;
  text[length] = 0;
  return true;
}

}  // namespace

// "running", or the call's number and arguments, or -1, and in both cases then sp and pc.
ThreadPlace place_of(int tid) {
  ThreadPlace place;
  char text[256];
  if (read_task_file(tid, "schedstat", text, sizeof text)) {
    unsigned long long on_cpu, waited, runs;
    if (std::sscanf(text, "%llu %llu %llu", &on_cpu, &waited, &runs) == 3) place.runs = runs;
  }
  if (!read_task_file(tid, "syscall", text, sizeof text)) return place;
  if (std::strncmp(text, "running", 7) == 0) {
    place.state = ThreadState::executing;
    return place;
  }
  char* pc = std::strrchr(text, ' ');
  if (pc == nullptr) return place;
  *pc++ = 0;
  char* sp = std::strrchr(text, ' ');
  if (sp == nullptr) return place;
  place.sp = std::strtoull(sp, nullptr, 16);
  place.pc = std::strtoull(pc, nullptr, 16);
  place.state = ThreadState::blocked;
  return place;
}

}  // namespace sluice::runtime
