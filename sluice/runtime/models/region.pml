/* SPDX-License-Identifier: Apache-2.0
 *
 * internal/region.h: one P, two Ms that pass it on, a thief that bars and unbars, a sysmon that
 * bars and takes. Memory is TSO: an M's store to `region` and a remote's store to `barred` wait in
 * a buffer of one entry that drains at any moment; membarrier drains everybody's. Other stores are
 * under P.remote, whose exchange drains the buffer, and are written through.
 *
 * Property: at most one at a time is in P's data, and an M only while the P is its own.
 * Must fail: -DNO_FENCE (no membarrier), -DUNBAR_TAKEN (sysmon lifts the bar of whom it robbed).
 */
#define NONE 2

bit region[2];              /* inside? */
bit barred[2];              /* an M without a P is barred */
bit has_p[2];               /* M.p */
byte owner = NONE;          /* P.m */
bit idle;                   /* the P is in the idle list */
bit remote;                 /* the lock P.remote */
byte users;                 /* who is in P's data: the property */

bit region_buffered[2]; bit region_value[2];
bit unbar_buffered[2]; byte unbar_of[2];     /* index: 0 thief, 1 sysmon */

inline drain_region(i) {
  if :: region_buffered[i] -> region[i] = region_value[i]; region_buffered[i] = 0 :: else fi
}
inline drain_unbar(j) {
  if :: unbar_buffered[j] -> barred[unbar_of[j]] = 0; unbar_buffered[j] = 0 :: else fi
}
inline store_region(i, value) {
  atomic { !region_buffered[i] -> region_buffered[i] = 1; region_value[i] = value }
}
inline unbar(j, i) { atomic { unbar_buffered[j] = 1; unbar_of[j] = i } }
inline lock_remote() { atomic { !remote -> remote = 1 } }

proctype memory() {
end:
  do
  :: d_step { region_buffered[0] -> drain_region(0) }
  :: d_step { region_buffered[1] -> drain_region(1) }
  :: d_step { unbar_buffered[0] -> drain_unbar(0) }
  :: d_step { unbar_buffered[1] -> drain_unbar(1) }
  od
}

inline touch() {
  d_step { assert(users == 0); users++ }
  d_step { users-- }
}

proctype machine(bit me) {
end:
  do
  :: store_region(me, 1);                         /* region_enter */
     if
     :: barred[me] ->                             /* region_enter_slow */
        do
        :: store_region(me, 0);
           (!barred[me] || !has_p[me]);
           if
           :: !has_p[me] ->                       /* acquire_idle_p, bind */
end_no_p:     atomic { idle -> idle = 0 }
              atomic { !region_buffered[me] && !remote -> remote = 1 }
              assert(owner == NONE && !has_p[me]);
              owner = me; has_p[me] = 1; barred[me] = 0;
              remote = 0
           :: else
           fi;
           store_region(me, 1);
           !region_buffered[me];                  /* the fence of the slow side */
           if :: !barred[me] -> break :: else fi
        od
     :: else
     fi;
     assert(has_p[me] && owner == me);
     touch();
     assert(has_p[me] && owner == me);
     if
     :: skip
     :: atomic { !region_buffered[me] && !remote -> remote = 1 }   /* unbind, publish_idle */
        barred[me] = 1; has_p[me] = 0; owner = NONE; remote = 0;
        store_region(me, 0);
        idle = 1; goto next
     fi;
     store_region(me, 0);                         /* region_leave */
next:
     skip
  od
}

/* bar(): true leaves `who` (maybe NONE) outside its region; false has undone the bar. */
inline bar(j) {
  who = owner; barred_it = 1;
  if
  :: who == NONE
  :: else ->
     barred[who] = 1;
#ifndef NO_FENCE
     d_step { drain_region(0); drain_region(1) }
#endif
     if
     :: !region[who]
     :: region[who] -> barred_it = 0; unbar(j, who)
     fi
  fi
}
inline unlock_remote(j) { atomic { !unbar_buffered[j] -> remote = 0 } }

proctype thief() {
  byte who; bit barred_it;
end:
  do
  :: lock_remote();
     bar(0);
     if
     :: barred_it -> touch(); if :: who != NONE -> unbar(0, who) :: else fi
     :: else
     fi;
     unlock_remote(0)
  od
}

proctype sysmon() {
  byte who; bit barred_it;
end:
  do
  :: lock_remote();
     bar(1);
     if
     :: barred_it && who != NONE ->
        has_p[who] = 0; owner = NONE;
#ifdef UNBAR_TAKEN
        unbar(1, who);
#endif
        unlock_remote(1);
        idle = 1
     :: else -> unlock_remote(1)
     fi
  od
}

init {
  atomic {
    has_p[0] = 1; owner = 0; barred[1] = 1;
    run memory(); run machine(0); run machine(1); run thief(); run sysmon()
  }
}
