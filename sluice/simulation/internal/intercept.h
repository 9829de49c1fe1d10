// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice::simulation::internal {

// A program that links this package has these functions of the C library replaced. Outside of a
// simulated goroutine they are what they were. Inside,
//
//   clock_gettime, gettimeofday, time     tell the simulated time, so std::chrono's clocks do
//   nanosleep, clock_nanosleep, usleep,   take simulated time, so std::this_thread::sleep_for does
//   sleep
//   getrandom, getentropy                 give the seed's random bytes
//   pthread_mutex_*, pthread_rwlock_*,    park the goroutine while another one has what it wants:
//   pthread_once, guards of static        std::mutex and its kin, std::call_once, libraries' own.
//   variables                             The program's own calls are points, libraries' are not
//   sched_yield                           lets others go first, as std::this_thread::yield does
//   pthread_create, pthread_cond_wait and its kin, socket, fork, system, posix_spawn
//                                         are refused by name: the run fails
//
// What is not seen: files, rand(), std::random_device (an instruction), clocks of the CPU, and what
// waits by a system call of its own (std::latch, std::future: the run hangs). A program that is
// linked statically is not served. Under ThreadSanitizer, which must see threads and
// mutexes itself, nothing is replaced.
//
// At the begin of a run: forgets who waits and who has what, of the run before.
void need_interception();

}  // namespace sluice::simulation::internal
