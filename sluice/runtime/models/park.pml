/* SPDX-License-Identifier: Apache-2.0
 *
 * park.cc's permit and schedule.cc's on_cpu: two goroutines that park `rounds` times each, two
 * wakers that ready whoever is published, before or after it parks, and two Ms.
 *
 * Property: no goroutine runs on two Ms at once, or before its registers are saved; none is lost
 * (all rounds end).
 * Must fail: -DNO_ON_CPU (resuming without waiting for on_cpu), -DLATE_CLEAR (ready() clears the
 * permit after the push), -DWAIT_ON_STACK (waiting for on_cpu before leaving the own stack).
 */
#define goroutines 2
#define rounds 2
#define none 0
#define parked 1
#define given 2

byte permit[goroutines];
bit on_cpu[goroutines];
bit saved[goroutines];          /* its registers are in the record */
bit published[goroutines];      /* a waker may find it */
byte left[goroutines];          /* rounds to go */
bit midway[goroutines];         /* between the wait and its end */
byte done;
chan queue = [4] of { byte };

/* Runs `g` until it gives the thread up, with `left_over` the one to go on with, if any. */
inline run_goroutine(g) {
  assert(saved[g]);
  saved[g] = 0;
  do
  :: left[g] == 0 -> done++; on_cpu[g] = 0; break
  :: else ->
     left[g]--;
     published[g] = 1;
     if
     :: atomic { permit[g] != none -> assert(permit[g] == given); } permit[g] = none
     :: atomic { permit[g] == none -> permit[g] = parked }
        next = goroutines;
        if                                         /* switch_away: pop_local */
        :: queue ? next
        :: skip
        fi;
        if
        :: next == g -> next = goroutines           /* readied before it got away */
        :: else ->
#ifdef WAIT_ON_STACK
           if :: next != goroutines -> !on_cpu[next] :: else fi;
#endif
           saved[g] = 1;
           on_cpu[g] = 0;                          /* finish_switch */
           break
        fi
     fi
  od
}

proctype machine() {
  byte g; byte next = goroutines;
end:
  do
  :: if
     :: next != goroutines -> g = next; next = goroutines
     :: next == goroutines && done < goroutines ->
end_idle: queue ? g
     fi;
#ifndef NO_ON_CPU
     !on_cpu[g];
#endif
     on_cpu[g] = 1;
     run_goroutine(g)
  od
}

proctype waker() {
  byte g; byte before;
end:
  do
  :: if
     :: atomic { published[0] -> published[0] = 0; g = 0 }
     :: atomic { published[1] -> published[1] = 0; g = 1 }
     fi;
     atomic { before = permit[g]; permit[g] = given }
     if
     :: before == parked ->
#ifdef LATE_CLEAR
        queue ! g; permit[g] = none
#else
        permit[g] = none; queue ! g
#endif
     :: else -> assert(before == none)
     fi
  od
}

active proctype monitor() {
  timeout;
  assert(done == goroutines)
}

init {
  atomic {
    saved[0] = 1; saved[1] = 1; left[0] = rounds; left[1] = rounds;
    queue ! 0; queue ! 1;
    run machine(); run machine(); run waker(); run waker()
  }
}
