// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <pthread.h>

#include "sluice/base/result.h"

namespace sluice::debug::internal {

// A thread on which no signal is handled but SIGURG, with which the runtime stops threads for a
// moment: system calls may return EINTR. To be joined or detached.
// Errors: those of pthread_create.
Result<pthread_t> start_service_thread(void* (*run)(void*), void* argument);

}  // namespace sluice::debug::internal
