// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/trace.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "sluice/base/assert.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/internal/event_log.h"
#include "sluice/runtime/internal/monotonic.h"
#include "sluice/runtime/internal/quiet_thread.h"

namespace sluice::runtime {

namespace {

// Of address space: a page of it serves a plain trace, all of it some 60,000 goroutines.
constexpr size_t text_bytes = size_t{4} << 20;

struct Tracer {
  DebugSettings settings;
  char* memory = nullptr;
  int stop_fd = -1;
  pthread_t thread;
};
Tracer tracer;

// False: the trace is to end.
bool wait_until(uint64_t when) {
  pollfd stop{tracer.stop_fd, POLLIN, 0};
  for (;;) {
    uint64_t now = monotonic_ns();
    if (now >= when) return true;
    timespec left{static_cast<time_t>((when - now) / 1'000'000'000),
                  static_cast<long>((when - now) % 1'000'000'000)};
    if (::ppoll(&stop, 1, &left, nullptr) > 0) return false;
  }
}

// A pipe that nobody reads delays the report, and not the end of the Runtime. False: as above.
bool wait_writable() {
  pollfd fds[] = {{tracer.stop_fd, POLLIN, 0}, {STDERR_FILENO, POLLOUT, 0}};
  while (::poll(fds, 2, -1) < 0) {
  }
  return fds[0].revents == 0;
}

// One write, unless the kernel takes a part only.
void write_out(std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

void* trace_main(void*) {
  wakes_nobody();
  const uint64_t period = uint64_t{tracer.settings.schedtrace_ms} * 1'000'000;
  uint64_t begin = 0;  // of the first report, as in Go
  uint64_t next = 0;
  while (wait_until(next) && wait_writable()) {
    uint64_t now = monotonic_ns();
    if (begin == 0) begin = next = now;
    FixedText text(tracer.memory, text_bytes);
    report(text, (now - begin) / 1'000'000, tracer.settings.scheddetail);
    write_out(text.finish());
    next += period;
    if (next <= now) next = now + period;  // it was held up: what was missed is not made up for
  }
  return nullptr;
}

}  // namespace

void start_trace(const DebugSettings& settings) {
  tracer.settings = settings;
  if (settings.schedtrace_ms == 0) return;
  void* memory = ::mmap(nullptr, text_bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  tracer.stop_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (memory == MAP_FAILED || tracer.stop_fd < 0)
    fatal("SLUICE_DEBUG: schedtrace: no memory or no descriptor for it");
  tracer.memory = static_cast<char*>(memory);
  int error = create_quiet_thread(&tracer.thread, trace_main, nullptr);
  if (error != 0) fatal("SLUICE_DEBUG: schedtrace: cannot create its thread");
}

void stop_trace() {
  if (tracer.settings.schedtrace_ms == 0) return;
  uint64_t one = 1;
  [[maybe_unused]] ssize_t ignored = ::write(tracer.stop_fd, &one, sizeof one);
  ::pthread_join(tracer.thread, nullptr);
  ::close(tracer.stop_fd);
  ::munmap(tracer.memory, text_bytes);
  tracer = {};
}

}  // namespace sluice::runtime
