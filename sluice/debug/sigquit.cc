// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/sigquit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "sluice/debug/deadlock.h"
#include "sluice/debug/goroutine_text.h"
#include "sluice/debug/internal/service_thread.h"
#include "sluice/debug/internal/standard_error.h"
#include "sluice/runtime/goroutines.h"

namespace sluice::debug {

namespace {

using internal::print_to_standard_error;

constexpr int exit_status = 2;  // Go's

// What is written to the pipe.
constexpr char quit = 'q', crash = 'c';

std::atomic<int> handler_pipe{-1};
std::atomic<bool> shown{false};

void ask(char byte) { [[maybe_unused]] ssize_t ignored = ::write(handler_pipe.load(), &byte, 1); }

void on_sigquit(int) {
  int saved = errno;
  ask(quit);
  errno = saved;
}

// Not for ever: the goroutine that crashed may have a lock that the other thread needs.
void show_on_crash() {
  constexpr int milliseconds_max = 5000;
  ask(crash);
  timespec moment{0, 1'000'000};
  for (int i = 0; i < milliseconds_max && !shown.load(); ++i) ::nanosleep(&moment, nullptr);
}

void print_all() { write_stacks(runtime::capture_goroutines(), print_to_standard_error); }

void* serve(void* reading_end) {
  runtime::wakes_nobody();
  int fd = static_cast<int>(reinterpret_cast<intptr_t>(reading_end));
  for (char byte = 0;;) {
    if (::read(fd, &byte, 1) != 1) continue;  // EINTR
    if (byte == crash) {
      print_to_standard_error("\n");
      print_all();
      shown = true;
    } else {
      print_to_standard_error("SIGQUIT: quit\n\n");
      print_all();
      ::_exit(exit_status);
    }
  }
}

}  // namespace

Result<void> dump_on_sigquit() {
  static std::mutex* once = new std::mutex;
  std::lock_guard lock(*once);
  if (handler_pipe.load() >= 0) return {};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  Result<pthread_t> thread =
      internal::start_service_thread(serve, reinterpret_cast<void*>(intptr_t{ends[0]}));
  if (!thread) {
    ::close(ends[0]);
    ::close(ends[1]);
    return thread.error();
  }
  ::pthread_detach(*thread);
  print_stacks_on_deadlock();
  handler_pipe.store(ends[1]);
  runtime::show_stacks_on_crash_with(show_on_crash);
  struct sigaction action = {};
  action.sa_handler = on_sigquit;
  action.sa_flags = SA_RESTART | SA_ONSTACK | SA_RESETHAND;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGQUIT, &action, nullptr);
  return {};
}

}  // namespace sluice::debug
