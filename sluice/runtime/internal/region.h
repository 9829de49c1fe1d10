// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "sluice/runtime/internal/g.h"

namespace sluice::runtime {

struct P;

// The part of an M (a scheduling thread) that the fast paths touch. m.h has the rest.
//
// ## Regions: how a P belongs to a thread, and can be taken from it
//
// All local state of a P (run queues, free lists, caches) is plain data. It may be touched by
//   (a) the thread M with M.p == P, inside a region: between region_enter() and region_leave();
//   (b) anybody else who holds P.remote and has barred P's owner (or found P without one).
// The owner's entry is two plain stores and a load; the other side pays for both with
// membarrier(2):
//
//     owner:  region := inside;   [compiler barrier]   if (barred) back off;   ... use P ...
//             region := outside   (release)
//     other:  barred := 1;        membarrier();        wait until region is outside  (acquire)
//             ... use P, or take it ...                barred := 0 (release) unless taken
//
// Proof obligation (mutual exclusion): never both "owner is past its check of `barred` with
// `barred` read as 0" and "other has seen `region` outside", overlapping. This is Dekker's
// algorithm; each side's store must be ordered before its own load. For the other side the
// membarrier does it directly. For the owner, either its store to `region` precedes the IPI that
// membarrier sends to its CPU, then the store is visible to the other's following load of `region`;
// or the store comes after the IPI, then the load of `barred`, which follows it in program order
// (compiler barrier), comes after the IPI too and sees 1. A thread that is not running executes a
// full barrier when it is switched in. Model: models/region.pml; the stress test is
// OwnerAndRemoteNeverMeet in region_test.cc, beside a copy without the fence that shows the
// violation.
// Where membarrier(2) is missing, `fence_needed` makes the owner execute a full fence instead.
//
// `region` is written with constants, so that an entry does not wait for the last exit's store;
// `nested` counts inner entries. `completed` lets an observer who waits for "the region that I saw
// has ended" (epoch.cc) see that without catching the short moment between two regions.
// Source of the idea: Go's sysmon retaking Ps in system calls (runtime/proc.go, retake), with
// asymmetric fences (Dice, Huang, Yang, "Asymmetric Dekker synchronization"; folly's
// asymmetric_thread_fence) so that it needs no marked system calls.
struct RegionWord {
  std::atomic<uint32_t> region{0};  // 1 inside; written by the owner only
  uint32_t nested = 0;              // the owner's
  std::atomic<uint32_t> barred{0};
  std::atomic<uint64_t> completed{0};  // written by the owner only

  // Acquire: what the owner did in regions that have ended is seen. Pairs with region_leave.
  bool inside() const { return region.load(std::memory_order_acquire) != 0; }
};

struct M;

// Whether the owner must execute the fence itself (no expedited membarrier). Set once at start.
extern std::atomic<bool> fence_needed;

}  // namespace sluice::runtime

extern "C" {
extern __thread sluice::runtime::M* sluice_tls_m __attribute__((tls_model("initial-exec")));
}

namespace sluice::runtime {

// This thread's M, or null on a thread that is not the scheduler's. Read afresh at every call: a
// goroutine may be on another thread after any park, so neither the value nor the thread-local's
// address may be kept by the compiler (GCC 12 -fPIC does keep it: hence the assembly).
#if defined(__x86_64__)
[[gnu::always_inline]] inline M* current_m() {
  M* m;
  asm volatile("movq sluice_tls_m@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0"
               : "=r"(m)
               :
               : "memory");
  return m;
}
#else
M* current_m();
#endif

M* region_enter_slow(M* m);
M* region_try_enter_slow(M* m);

}  // namespace sluice::runtime
