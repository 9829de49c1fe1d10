// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <pthread.h>

#include "sluice/base/result.h"

namespace sluice::debug::internal {

// A thread on which no signal is handled. To be joined or detached.
// Errors: those of pthread_create.
Result<pthread_t> start_service_thread(void* (*run)(void*), void* argument);

}  // namespace sluice::debug::internal
