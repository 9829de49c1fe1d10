// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice::runtime {

// Memory reclamation for structures that are read while pinned (proc_local.h).
//
// retire() runs `free(object)` after every pin() that was held when it was called has been
// released. A reader that loads a pointer and uses it between pin() and unpin() is therefore safe
// against a writer that unlinks the object first and retires it then.
// Thread-safety: any thread, also while pinned and in a timer's callback; then it frees nothing
// itself, and what it was given waits for a later call. `free` runs on an unspecified thread, must
// not park.
void retire(void* object, void (*free)(void*));

}  // namespace sluice::runtime
