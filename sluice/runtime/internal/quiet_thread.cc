// SPDX-License-Identifier: Apache-2.0

// tidy: tested-by: governor_test.cc

#include "sluice/runtime/internal/quiet_thread.h"

#include <signal.h>

namespace sluice::runtime {

int create_quiet_thread(pthread_t* thread, void* (*body)(void*), void* argument) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigdelset(&all, SIGURG);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = ::pthread_create(thread, nullptr, body, argument);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace sluice::runtime
