// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "sluice/base/assert.h"
#include "sluice/base/error.h"

namespace sluice::simulation::internal {

namespace {

constexpr off_t output_kept = 8192;

bool is_child = false;

// What `work` throws ends the process: the parent's code, to which it would go on, is the parent's.
[[noreturn]] void be_child(pid_t parent, int output, SharedRun& run,
                           const std::function<void()>& work) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before that
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  is_child = true;
  work();
  run.returned = true;
  std::fflush(nullptr);
  ::_exit(0);  // what the parent registered for its end is the parent's
}

std::string end_of(int file) {
  off_t size = ::lseek(file, 0, SEEK_END);
  off_t begin = std::max<off_t>(size - output_kept, 0);
  std::string text(static_cast<size_t>(size - begin), '\0');
  ssize_t got = ::pread(file, text.data(), text.size(), begin);
  text.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return text;
}

// CPU time that the process has used; it lives, or has not been waited for.
Duration used_by(pid_t child) {
  clockid_t clock;
  timespec time{};
  if (::clock_getcpuclockid(child, &clock) == 0) ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Instant real_now() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

// Returns when the child has ended, or has been killed since it hangs.
bool watch(pid_t child, int handle, const SharedRun& run, Duration patience) {
  // One that sleeps, in a call that blocks for ever, uses no CPU.
  const Duration sleep_patience = 3 * patience;
  uint64_t beat = 0;
  Duration used_then{};
  Instant then = real_now();
  for (;;) {
    pollfd ended{handle, POLLIN, 0};
    if (::poll(&ended, 1, 200) > 0) return false;
    uint64_t beat_now = run.beat.load(std::memory_order_relaxed);
    Duration used = used_by(child);
    if (beat_now != beat) {
      beat = beat_now;
      used_then = used;
      then = real_now();
    } else if (used - used_then > patience || real_now() - then > sleep_patience) {
      ::kill(child, SIGABRT);  // whose handler shows its stack, if there is one
      if (::poll(&ended, 1, 5000) == 0) ::kill(child, SIGKILL);
      return true;
    }
  }
}

}  // namespace

void forget_output() {
  if (!is_child) return;
  std::fflush(nullptr);
  // One file, and one place in it, is both outputs.
  if (::ftruncate(STDOUT_FILENO, 0) == 0) ::lseek(STDOUT_FILENO, 0, SEEK_SET);
}

WorkEnd work_in_child(SharedRun& run, Duration patience, const std::function<void()>& work) {
  int output = ::memfd_create("simulation output", MFD_CLOEXEC);
  if (output < 0) fatal(errno_error(errno, "simulation: memfd_create").to_string());
  std::fflush(nullptr);
  run.returned = false;
  pid_t parent = ::getpid();
  pid_t child = ::fork();
  if (child < 0) fatal(errno_error(errno, "simulation: fork").to_string());
  if (child == 0) be_child(parent, output, run, work);
  int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  if (handle < 0) fatal(errno_error(errno, "simulation: pidfd_open").to_string());
  WorkEnd end;
  end.hung = watch(child, handle, run, patience);
  int status = 0;
  pid_t waited;
  while ((waited = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  ::close(handle);
  // Where somebody ignores SIGCHLD there is no status.
  end.crashed = waited < 0 ? !run.returned : !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  if (WIFSIGNALED(status))
    end.how = std::string("signal ") + std::to_string(WTERMSIG(status)) + " (" +
              ::strsignal(WTERMSIG(status)) + ")";
  else if (end.crashed)
    end.how = "exit status " + std::to_string(WEXITSTATUS(status));
  if (!end.crashed && !end.hung && !run.returned) {
    end.crashed = true;
    end.how = "an exit of its own";
  }
  end.output = end_of(output);
  ::close(output);
  return end;
}

}  // namespace sluice::simulation::internal
