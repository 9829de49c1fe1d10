// SPDX-License-Identifier: Apache-2.0

#include "sluice/run/internal/signal_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <utility>

#include "sluice/base/assert.h"

namespace sluice::internal {

namespace {

// The writing end for the handler, -1 while nobody watches. Process-wide, as signals are.
std::atomic<int> handler_pipe{-1};

void handle(int number) {
  int saved = errno;
  unsigned char byte = static_cast<unsigned char>(number);
  int fd = handler_pipe.load(std::memory_order_acquire);
  // A full pipe has enough news in it.
  if (fd >= 0) [[maybe_unused]]
    ssize_t ignored = ::write(fd, &byte, 1);
  errno = saved;
}

}  // namespace

SignalWatch::SignalWatch(Function<void(int)> on_first) : on_first_(std::move(on_first)) {
  if (::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0) fatal("run: no pipe for signals");
  ::fcntl(pipe_[0], F_SETFL, 0);  // the reader waits; the handler never does
  int unused = -1;
  if (!handler_pipe.compare_exchange_strong(unused, pipe_[1], std::memory_order_release))
    fatal("run: called while another run is on");
  thread_ = std::thread([this] { watch(); });
  struct sigaction action = {};
  action.sa_handler = &handle;
  action.sa_flags = SA_RESTART | SA_ONSTACK;  // goroutine stacks are small
  sigfillset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &old_int_);
  ::sigaction(SIGTERM, &action, &old_term_);
}

SignalWatch::~SignalWatch() {
  ::sigaction(SIGINT, &old_int_, nullptr);
  ::sigaction(SIGTERM, &old_term_, nullptr);
  handler_pipe.store(-1, std::memory_order_release);
  // Stops the thread by a byte that is no signal. The pipe stays open until it is gone, and a
  // handler that is still running on another thread at worst writes into it once more.
  unsigned char stop = 0;
  while (::write(pipe_[1], &stop, 1) < 0 && errno == EINTR) {
  }
  thread_.join();
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

void SignalWatch::watch() {
  bool told = false;
  for (;;) {
    unsigned char number = 0;
    ssize_t got = ::read(pipe_[0], &number, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || number == 0) return;
    if (told) ::_exit(128 + number);
    told = true;
    on_first_(number);
  }
}

}  // namespace sluice::internal
