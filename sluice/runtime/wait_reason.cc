// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/park.h"

namespace sluice::runtime {

// Go's words (runtime/runtime2.go, waitReasonStrings) where Go has the reason, so that tools that
// read Go's dumps read ours.
std::string_view name(WaitReason reason) {
  switch (reason) {
    case WaitReason::none:
      return "";
    case WaitReason::chan_receive:
      return "chan receive";
    case WaitReason::chan_receive_nil:
      return "chan receive (nil chan)";
    case WaitReason::chan_send:
      return "chan send";
    case WaitReason::chan_send_nil:
      return "chan send (nil chan)";
    case WaitReason::select:
      return "select";
    case WaitReason::select_no_cases:
      return "select (no cases)";
    case WaitReason::sleep:
      return "sleep";
    case WaitReason::io_wait:
      return "IO wait";
    case WaitReason::mutex:
      return "sync.Mutex.Lock";
    case WaitReason::rw_mutex_read:
      return "sync.RWMutex.RLock";
    case WaitReason::rw_mutex_write:
      return "sync.RWMutex.Lock";
    case WaitReason::wait_group:
      return "sync.WaitGroup.Wait";
    case WaitReason::cond:
      return "sync.Cond.Wait";
    case WaitReason::semaphore:
      return "semacquire";
    case WaitReason::once:
      return "sync.Once.Do";
    case WaitReason::group:
      return "group wait";
    case WaitReason::blocked_on_processor:
      return "runnable";
  }
  return "";
}

}  // namespace sluice::runtime
