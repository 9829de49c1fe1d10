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
//   pthread_mutex_lock                    lets others run while a goroutine that was interrupted
//                                         holds the mutex: std::mutex, and libraries' own
//   pthread_create, pthread_cond_wait and its kin, socket, fork
//                                         are refused by name: the run fails
//
// What is not seen: files, rand(), std::random_device (an instruction), clocks of the CPU, and what
// a library does by system calls of its own. Under ThreadSanitizer, which must see threads and
// mutexes itself, nothing is replaced.
//
// Does nothing; to be called by who needs the replacements linked.
void need_interception();

}  // namespace sluice::simulation::internal
