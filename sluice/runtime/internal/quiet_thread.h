// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <pthread.h>

namespace sluice::runtime {

// Creates a thread on which no signal is handled: the program's own are for its own threads, and
// SIGPIPE of a closed stderr must not end it. But SIGURG, with which stop_world.h stops it, and
// which ends system calls with EINTR. Returns pthread_create's error.
int create_quiet_thread(pthread_t* thread, void* (*body)(void*), void* argument);

}  // namespace sluice::runtime
