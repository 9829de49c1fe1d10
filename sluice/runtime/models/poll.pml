/* SPDX-License-Identifier: Apache-2.0
 *
 * Who sleeps until when (poll_blocking and find_runnable in internal/idle.cc, Timer::start): two Ms,
 * each of which goes idle when it has nothing left, the first as the poller; a goroutine on the
 * second that arms a timer, stops it, and arms a later one; a thread without a P that arms one.
 * What a wheel does under its lock is one step. Sequentially consistent: each side has its fence.
 * A poller's moment may come at any time, a break only by somebody's hand.
 *
 * Property, when nothing moves any more: no timer is armed. (A poller that would sleep on without
 * an end moves no more.)
 * Must fail: -DLATEST (sleeps until what it read last, not until what it announced, if earlier),
 * -DREAD_ONCE (does not read the wheel again after it announced), -DNO_IDLE_LOOK (who goes idle
 * beside a poller does not compare), -DNO_BREAK (a thread without a P does not).
 */
#define NEVER 9

byte next = NEVER;              /* TimerWheel::next_due */
byte armed[4];                  /* by moment: 1, 2, 3 */
byte poll_until;
bit poller;                     /* somebody has the role */
bit broken;

inline earliest(at) {
  if
  :: armed[1] > 0 -> at = 1
  :: armed[1] == 0 && armed[2] > 0 -> at = 2
  :: armed[1] + armed[2] == 0 && armed[3] > 0 -> at = 3
  :: else -> at = NEVER
  fi
}
inline add(at, first) {
  d_step { armed[at]++; if :: at < next -> next = at; first = 1 :: else -> first = 0 fi }
}
inline remove(at) {
  d_step {
    if :: armed[at] > 0 -> armed[at]-- :: else fi;
    /* The bound stays, unless that was the last. */
    if :: armed[1] + armed[2] + armed[3] == 0 -> next = NEVER :: else fi
  }
}
inline run_due(now) {
  d_step {
    armed[1] = 0;
    if :: now > 1 -> armed[2] = 0 :: else fi;
    if :: now > 2 -> armed[3] = 0 :: else fi;
    earliest(next)
  }
}

/* An M that has nothing to run any more. */
inline idle(until, again) {
  do
  :: d_step { until = poller; if :: !poller -> poller = 1; poll_until = 0 :: else fi }
     if
     :: until ->
#ifndef NO_IDLE_LOOK
        until = next;
        again = poll_until;
        if :: until < again -> broken = 1 :: else fi;
#endif
        break
     :: else
     fi;
     until = next;
     poll_until = until;
#ifndef READ_ONCE
     again = next;
#ifdef LATEST
     until = again;
#else
     if :: again < until -> until = again :: else fi;
#endif
#endif
end_poll:
     if
     :: broken -> broken = 0; again = 0
     :: until != NEVER -> again = until
     fi;
     d_step { poller = 0; poll_until = 0 }
     if :: again > 0 -> run_due(again) :: else fi
  od
}

proctype first() {
  byte until, again;
  idle(until, again)
}
proctype second() {
  byte until, again; bit first_one;
  add(1, first_one);
  remove(1);
  add(2, first_one);
  idle(until, again)
}
proctype outsider() {
  byte seen; bit first_one;
  add(3, first_one);
  if
  :: first_one ->
#ifndef NO_BREAK
     seen = poll_until;
     if :: 3 < seen -> broken = 1 :: else fi
#endif
  :: else
  fi
}

active proctype monitor() {
  timeout;
  assert(armed[1] + armed[2] + armed[3] == 0)
}

init { atomic { run first(); run second(); run outsider() } }
