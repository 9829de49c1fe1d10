// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/service_thread.h"

#include <signal.h>

namespace sluice::debug::internal {

Result<pthread_t> start_service_thread(void* (*run)(void*), void* argument) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::sigdelset(&all, SIGURG);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = ::pthread_create(&thread, nullptr, run, argument);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return errno_error(error, "pthread_create");
  return thread;
}

}  // namespace sluice::debug::internal
