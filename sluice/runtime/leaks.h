// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sluice/base/time.h"

namespace sluice::runtime {

// What prove_leaks() found.
struct LeakProof {
  std::vector<uint64_t> goroutines;  // ids, ascending
  // Why only those on nil channels and in a select without cases could be told; empty: all could.
  std::string incomplete;
  bool blocks_told_apart = false;  // malloc's blocks were; else all its memory counted as in use
  Duration stopped{};              // how long the other threads were kept from running
  uint64_t bytes_searched = 0;
};

// Finds goroutines that are parked for ever: nothing that can still run can reach what they wait
// for. For operators and tests, on demand: it costs nothing at other times.
//
// ## Why a goroutine that is found never runs again
// One that waits for a channel, a lock, a wait group or a condition is woken by whoever finds the
// node in that object's queue, and the node is on the waiter's own stack; a select's timer and a
// context's list lead to a node there, too. So a wake-up follows pointers, from something that
// executes to that stack. The search follows every word that could be one: from the registers and
// live stacks of all threads, from goroutines that run, can run, or wait in another way (for a
// descriptor, a moment, a group), from variables of all modules, thread-locals, mapped memory, and
// from pointers that epoll and timers keep in the kernel; on through blocks of malloc's and through
// parked goroutines that were reached. A stack that no word leads to stays as it is for ever, since
// nothing that can run can come to know it: the same argument as a garbage collector's, and Go's
// (golang/go issue 74609).
// It errs on one side: a word that only looks like a pointer, or is left over from something that
// ended, keeps its goroutine from being found. So do handles in memory that malloc's blocks are not
// told apart in: large blocks, other allocators, pools.
// All of it is of one moment: other threads are stopped (SIGURG, as internal/interrupt.h has it)
// while a copy of the process is made by the kernel (a fork); they run on while that copy is
// searched. Without it a handle could move past the search: a reply channel that travels through a
// queue would make its receiver a leak for an instant.
// A goroutine on a nil channel, or in a select without cases, waits for ever whatever reaches it.
//
// What must hold, as for any collector: pointers lie in aligned words, with no more than their
// upper 16 bits used for something else. One that is for the moment only in a pipe, a socket, a
// file, kernel AIO, or memory that a fork does not copy, is not seen. Descriptors that keep what
// they do not show (io_uring, userfaultfd) make it `incomplete`.
// ## What it costs
// `stopped`: a millisecond or two, and some 25 ms for each GB in use and 1.5 ms for each thousand
// goroutines: mostly the kernel's copy of the page tables. The search itself takes about a second
// for each GB, and ten for a million goroutines, in a child process that ends afterwards.
// System calls that internal/stop_world.h names return EINTR. It is `incomplete` where a thread
// cannot be stopped (it blocks SIGURG), where the process cannot be copied or may not read its own
// /proc/self/mem (one that gave up being root), and under sanitizers.
// Callable from goroutines and threads while a Runtime exists; one at a time, others wait.
LeakProof prove_leaks();

}  // namespace sluice::runtime
