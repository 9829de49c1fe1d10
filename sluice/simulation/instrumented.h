// SPDX-License-Identifier: Apache-2.0

#pragma once

// Exploration between any two atomic operations of lock-free code, which is not changed for it.
//
// `-fsanitize=thread` makes the compiler call a function for each access to memory. A program that
// links sluice::simulation_instrumented gets ours instead of ThreadSanitizer's: each atomic
// operation is a point first, at which another goroutine of the simulation may get in between
// (runtime::interleave()), and is then done. So explore() tries every order of few departures of
// the atomic operations themselves. The technique is that of tsan11rec (Lidbury and Donaldson, PLDI
// 2019) and C11Tester (Luo and Demsky, ASPLOS 2021).
//
// In CMake, linking the target is all: what links it is compiled with the flags. By hand, what is
// to be explored is compiled with
//   -fsanitize=thread -Wno-tsan -DSLUICE_ATOMICS_ARE_POINTS    (clang knows no -Wno-tsan)
// and the program is linked without -fsanitize. Other sources of the program need no flags; what
// they share with the others, inline functions of headers too, comes from either. Never together
// with a real sanitizer. Without a simulation the operations are what they are, somewhat slower.
//
// What is not explored:
// - Weak memory orders. All operations are sequentially consistent, whatever order they ask for: a
//   missing release or acquire is not found. ThreadSanitizer and models are for that.
// - Plain accesses are no points. Where two goroutines race for one, ThreadSanitizer says so.
// - Code that was compiled otherwise: libraries, and what is written in assembly.
// - The use of a slot of proc_local.h without a pin, as a rule: whoever is interrupted loses its
//   processor only where others need one.
//
// A loop that waits for what another goroutine is to do (a spin lock) is seen by its looks at what
// it has seen already, and the others go on. An object that is made by a function's static variable
// must be made in a runtime::Uninterrupted, or before.
namespace sluice::simulation {

// Whether a compare_exchange_weak may fail without a reason, as on processors with load-linked and
// store-conditional: a decision each, so of a run's departures each failure is one. Otherwise, and
// at first, none does. Set it before explore() or simulate(). With GCC: clang does not tell them
// from strong ones.
void fail_weak_exchanges(bool may_fail);

}  // namespace sluice::simulation
