// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice::debug {

// From now on the runtime prints every goroutine's stack as goroutine_stacks() has it when it ends
// the process for a deadlock (RuntimeOptions::fatal_deadlock), and not addresses only. Opt in once,
// from any thread; dump_on_sigquit() does it too.
void print_stacks_on_deadlock();

}  // namespace sluice::debug
