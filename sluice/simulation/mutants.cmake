# Copies of our primitives with one bug each, which explore() and simulate() must find: tests that fail
# when the finders stop finding.

include(${PROJECT_SOURCE_DIR}/cmake/sluice_mutant.cmake)

# Between the look at the channel and the queueing somebody else can get in: nobody wakes who waits.
sluice_mutant(lost_wake_up sluice/chan/internal/channel_core.cc
  "    enqueue(self, false);\n" "    lock_.unlock();\n    lock_.lock();\n    enqueue(self, false);\n")
# A newcomer takes the lock that is being handed to the first waiter.
sluice_mutant(double_hand_off sluice/sync/mutex.cc
  "seen.starving() ? seen : seen.with_lock();\n    if (seen.taken())"
  "seen.with_lock();\n    if (seen.locked())"
  "if (!seen.taken()) return;" "if (!seen.locked()) return;")
# A child that comes between the look and the lock is put into a list that nobody reads any more.
sluice_mutant(missed_cancel sluice/context/internal/cancel_scope.cc
  "  std::lock_guard lock(lock_);\n  if (phase_.load(std::memory_order_relaxed) != Phase::live) return false;\n"
  "  if (phase_.load(std::memory_order_relaxed) != Phase::live) return false;\n  std::lock_guard lock(lock_);\n")
# Who gives up takes its place in the queue with it, and does not look who can be served now.
sluice_mutant(kept_waiting sluice/sync/semaphore.cc
  "    served = serve();  // it may have held back smaller ones\n" "")

foreach(mutant lost_wake_up double_hand_off missed_cancel kept_waiting)
  sluice_test(simulation_finds_${mutant}
    SOURCES mutant_test.cc internal/channel_programs.cc internal/context_programs.cc
            internal/sync_programs.cc ${${mutant}}
    DEPS sluice::simulation sluice::sync sluice::context sluice::chan sluice::runtime)
  if(TARGET simulation_finds_${mutant})
    target_compile_definitions(simulation_finds_${mutant} PRIVATE SLUICE_MUTANT="${mutant}")
  endif()
endforeach()
