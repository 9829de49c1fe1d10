// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice::runtime {

// Whether every goroutine waits for another one, and nothing is left that could wake any: no timer
// is armed, nobody waits for a descriptor, and every thread of the process sleeps in the runtime.
// A thread that the runtime does not know might wake somebody, whatever it does: with one there is
// no deadlock. So there is none in a program that watches for signals (run()), nor one that a
// library has made a thread in, or that has a MemoryListener.
//
// There are no false alarms. All that is looked at is of one moment, though nobody is stopped: each
// thread is asleep at two looks, and got no CPU in between by the kernel's count; so at the moment
// after the first look at the last thread and before the second at the first, all were asleep. What
// is read meanwhile is of that moment, since nobody was there to change it.
// For sysmon, which is the thread that calls, when nothing has run for a while. Looks at the
// goroutines first, which costs an idle server a moment: its acceptor waits for a descriptor.
enum class Asleep : uint8_t {
  no,
  perhaps,  // it looks so, but a thread that wakes nobody was not asleep just then: look again
  for_ever,
};
Asleep all_asleep_for_ever();

// "fatal error: all goroutines are asleep - deadlock!", every stack, and the end of the process.
[[noreturn]] void die_of_deadlock();

}  // namespace sluice::runtime
