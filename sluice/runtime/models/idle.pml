/* SPDX-License-Identifier: Apache-2.0
 *
 * The wake-up rule (internal/scheduler.h) and the poller's reservation (internal/idle.cc): two Ps;
 * a busy M that pushes into its own queue without a fence and then blocks, handing its P off; a
 * goroutine without a P that takes an idle one and hands it off; a thread that pushes into the
 * global queue; three Ms that look for work, sleep and poll, one of
 * them not yet started; an event and a timer.
 * What is under sched.lock is one step. Memory is TSO: the busy M's push waits in a buffer.
 *
 * Property, when nothing moves any more: no goroutine is queued while a P is idle; no reservation
 * is left over; while all Ps are idle somebody polls, and neither event nor timer waits.
 * Must fail: -DNO_FENCE, -DNO_RECHECK (the last idler's), -DNOBODY_LOOKS (who goes idle leaves that
 * to others though nobody is looking), -DDRAIN_ANY (a poll that does not wait drains
 * the poller's break), -DBLIND_HAND_OFF (hand_off looks at its own queue only, and who fails to use
 * a reservation does not look again).
 */
#define ps 2
#define ms 3
#define NONE 7
#define busy_p 0

byte queue[ps]; byte global;     /* goroutines queued */
bit push_buffered;               /* the busy M's last push, not yet visible */
bit idle_p[ps];
byte idle_count; byte spinning;  /* idle_and_spinning */
byte poller = NONE;
bit reserved;                    /* poller_reserved */
bit breaking, break_readable;    /* netpoll_break's flag and the eventfd */
bit event, timer_due;
bit listed[ms];                  /* in idle_ms */
bit unborn = 1;                  /* the last M's thread does not exist yet */
bit wake[ms]; byte p_of[ms] = NONE; bit spins[ms];
byte starting;                   /* who is in start_m */

inline fence() { if :: push_buffered -> push_buffered = 0; queue[busy_p]++ :: else fi }
proctype memory() {
end: do :: d_step { push_buffered -> fence() } od
}

/* netpoll_break */
inline break_poll() {
  atomic { if :: breaking -> skip :: else -> breaking = 1; break_readable = 1 fi }
}
inline take_idle(into) {
  if
  :: idle_p[0] -> idle_p[0] = 0; idle_count--; into = 0
  :: !idle_p[0] && idle_p[1] -> idle_p[1] = 0; idle_count--; into = 1
  :: else -> into = NONE
  fi
}
inline give(m, the_p, as_spinner) {
  listed[m] = 0; p_of[m] = the_p; spins[m] = as_spinner; wake[m] = 1
}
/* start_m: an idle M, else a new thread (number 2, once). */
inline start_m(the_p, as_spinner) {
  starting++;
  atomic {
    if
    :: listed[0] -> give(0, the_p, as_spinner)
    :: !listed[0] && listed[1] -> give(1, the_p, as_spinner)
    :: !listed[0] && !listed[1] && (unborn || listed[2]) -> unborn = 0; give(2, the_p, as_spinner)
    fi;
    starting--
  }
}
/* wake_one_if_needed */
inline wake_one(got) {
  do
  :: atomic { idle_count > 0 && spinning == 0 -> spinning++ }
     atomic {
       if
       :: !listed[0] && !listed[1] && !listed[2] && poller != NONE -> reserved = 1; got = 8
       :: else -> take_idle(got)
       fi
     }
     if
     :: got == 8 -> break_poll(); break
     :: got == NONE ->
        spinning--;
#ifdef BLIND_HAND_OFF
        break
#endif
     :: else -> start_m(got, 1); break
     fi
  :: else -> break
  od
}
/* hand_off */
inline hand_off(p, got) {
  if
  :: queue[p] > 0 || global > 0 || poller == NONE -> start_m(p, 0)
  :: else ->
     atomic { idle_p[p] = 1; idle_count++ }
     d_step { fence() }
     if
#ifdef BLIND_HAND_OFF
     :: queue[p] > 0 || global > 0 -> wake_one(got)
#else
     :: queue[0] > 0 || queue[1] > 0 || global > 0 || poller == NONE -> wake_one(got)
#endif
     :: else -> if :: timer_due -> break_poll() :: else fi
     fi
  fi
}

inline steal(own, my_spin) {
  if :: !my_spin -> atomic { my_spin = 1; spinning++ } :: else fi;
  atomic {
    if
    :: queue[1 - own] > 0 -> fence(); queue[1 - own]--; found = 1
    :: else
    fi
  }
}

inline leave_poller() {
  atomic {
    poller = NONE;
    if :: reserved -> reserved = 0; spins[me] = 1 :: else fi
  }
}

proctype machine(byte me) {
  byte p, got; bit found, polls, more, event_taken;
  if :: me != 0 -> goto asleep :: else fi;
look:
  skip;
  d_step {
    p = p_of[me]; found = 0; got = 0;
    if :: timer_due -> timer_due = 0; queue[p]++ :: else fi;           /* run_timers */
    if :: event -> event = 0; queue[p]++ :: else fi;                   /* netpoll */
#ifdef DRAIN_ANY
    if :: break_readable -> break_readable = 0; breaking = 0 :: else fi;
#endif
    if
    :: global > 0 -> global--; found = 1
    :: global == 0 && queue[p] > 0 -> queue[p]--; found = 1
    :: else
    fi
  }
  if
  :: !found && (spins[me] || spinning == 0) -> steal(p, spins[me])
  :: else
  fi;
  if
  :: found ->
     if :: spins[me] -> d_step { spins[me] = 0; spinning--; found = 0 } wake_one(got) :: else fi;
     goto look
  :: else
  fi;
  /* publish_idle */
  atomic {
    p_of[me] = NONE; idle_p[p] = 1;
    if :: poller == NONE -> poller = me; polls = 1 :: else -> listed[me] = 1; polls = 0 fi;
    idle_count++;
    if :: spins[me] -> spins[me] = 0; spinning-- :: else fi;
#ifdef NOBODY_LOOKS
    more = 1
#else
    more = (spinning > 0)                                              /* others_look */
#endif
  }
#ifndef NO_FENCE
  d_step { if :: !more -> fence() :: else fi }
#endif
#ifndef NO_RECHECK
  more = (!more && (queue[0] > 0 || queue[1] > 0 || global > 0)) || timer_due;
  if
  :: more && polls ->                                                  /* cancel_idle */
     atomic { take_idle(got) }
     if
     :: got != NONE -> p_of[me] = got; leave_poller(); goto spin_again
     :: else
     fi
  :: more && !polls ->
     atomic {
       if
       :: !listed[me] -> skip
       :: else -> take_idle(got); if :: got != NONE -> listed[me] = 0; p_of[me] = got :: else fi
       fi
     }
     if :: p_of[me] != NONE && !wake[me] -> goto spin_again :: else fi
  :: else
  fi;
#endif
  if
  :: polls ->
end_poll:
     (break_readable || event || timer_due);                           /* poll_blocking */
     atomic { event_taken = event; event = 0 }
     if :: break_readable -> break_readable = 0; breaking = 0 :: else fi;
     leave_poller();
     atomic { take_idle(got) }
     if
     :: got != NONE ->
        p_of[me] = got;
        atomic { if :: event_taken -> queue[got]++ :: else fi; event_taken = 0 }
        goto look
     :: else ->
        if
        :: spins[me] ->
           atomic { spins[me] = 0; spinning-- }
#ifndef BLIND_HAND_OFF
           wake_one(got)
#endif
        :: else
        fi;
        if
        :: event_taken -> atomic { event_taken = 0; global++ } wake_one(got)
        :: else
        fi;
        atomic { listed[me] = 1 }
     fi
  :: else
  fi;
asleep:
end_asleep:
  atomic { wake[me] -> wake[me] = 0 }
  goto look;
spin_again:
  if :: !spins[me] -> atomic { spins[me] = 1; spinning++ } :: else fi;
  goto look
}

/* Spawns while it computes; or, with BLOCKS, blocks. */
proctype busy() {
  byte got;
#ifdef BLOCKS
  hand_off(busy_p, got)
#else
  push_buffered = 1; wake_one(got);
#ifdef PUSHES
  atomic { !push_buffered -> push_buffered = 1 } wake_one(got)
#endif
#endif
}
/* A goroutine whose P was taken comes back, computes, and blocks again. */
proctype returner() {
  byte got, p;
  atomic { take_idle(p) }
  if :: p != NONE -> hand_off(p, got) :: else fi
}
proctype outsider() {
  byte got;
  global++; wake_one(got)
}
proctype world() {
#ifdef RETURNS
  timer_due = 1
#else
  if :: event = 1 :: timer_due = 1 fi
#endif
}

active proctype monitor() {
  timeout;
  assert(starting == 0);
  assert(idle_count == 0 || queue[0] + queue[1] + global == 0);
  assert(spinning == 0);
  assert(idle_count < ps || (poller != NONE && !event && !timer_due))
}

init {
  atomic {
    p_of[0] = 1; listed[1] = 1;
    run memory(); run machine(0); run machine(1); run machine(2);
    run busy(); run world();
#ifdef RETURNS
    run returner()
#endif
#ifdef PUSHES
    run outsider()
#endif
  }
}
