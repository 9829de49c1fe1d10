// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "sluice/base/result.h"

namespace sluice::debug {

// From now on SIGQUIT (kill -QUIT, or Ctrl and backslash) prints every goroutine's stack to
// standard error, as goroutine_stacks() has it, and ends the process with status 2, as a Go program
// does. No core is written.
// The handler only writes to a pipe; a thread of its own does the rest, so that it also answers
// when every processor is stuck. If the process is so broken that the dump hangs, a second SIGQUIT
// ends it the kernel's way.
// The same stacks follow what the runtime prints when it ends the process for a deadlock, and when
// a goroutine ends it by an exception that nobody catches, a stack overflow or a bad access.
// Opt in once, from any thread; further calls change nothing. It stays until the process ends.
// Errors: those of pipe2 and pthread_create.
Result<void> dump_on_sigquit();

}  // namespace sluice::debug
