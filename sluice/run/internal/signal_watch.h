// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <signal.h>

#include <thread>

#include "sluice/base/function.h"

namespace sluice::internal {

// Calls a function for the first SIGINT or SIGTERM; the second ends the process with 128 + n.
//
// The handlers only write the number to a pipe. A thread of its own reads it: it answers also when
// every processor is stuck, and it may lock and allocate, which a handler may not. Handlers instead
// of blocked signals and a signalfd, because a mask would be inherited by the programs that the
// process starts, which could then not be interrupted.
// At most one exists at a time.
class SignalWatch {
 public:
  explicit SignalWatch(Function<void(int)> on_first);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();  // restores what the signals did before

 private:
  void watch();

  Function<void(int)> on_first_;
  int pipe_[2];
  struct sigaction old_int_;
  struct sigaction old_term_;
  std::thread thread_;
};

}  // namespace sluice::internal
