// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "sluice/runtime/internal/scheduler.h"
#include "sluice/runtime/simulated_scheduler.h"

namespace sluice::runtime {

// The scheduler of simulated runs.
//
// ## How several processors are simulated by one thread
// There is an M and a P for each processor, tied to each other, and one thread, which takes the M
// of whoever runs: a switch changes `sluice_tls_m`. A goroutine that is interrupted at a point
// in a region keeps its M, so the region stays its own (epochs and pins see it), and what it has in
// registers stays true. One that is interrupted elsewhere keeps it until somebody needs it, as a P
// is taken from who computes; one that parks gives it back. Whoever is resumed takes the lowest
// free one.
//
// ## How the ordinary paths come here
// `barred` is always set in these Ms, so that every entry of a region takes its slow side, which is
// a point; P::simulated is set in `signals`, so that every goroutine that leaves asks leave(). Both
// cost nothing elsewhere. What becomes runnable is pushed to the P's queues as always, and fetched
// from there before each decision.
//
// Timers' callbacks run on a goroutine of their own, number 2, so that others get in
// between there, too.
class Simulator final : public Simulation {
 public:
  Simulator(const SimulatedRun& run, Decider& decider);
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  RunOutcome run(void (*body)(void*), void* context);

  bool is_at_a_goroutine() const override;
  bool may_park() const override;
  void interleave() override;
  void wait_for(const SpinLock& lock) override;
  void wait_for_others() override;
  void begin_uninterrupted() override { ++uninterrupted_; }
  void end_uninterrupted() override { --uninterrupted_; }
  bool is_point(const volatile void* word) const override;
  uint64_t switches() const override { return outcome_.switches; }
  uint32_t choose(Decision kind, uint32_t count) override { return decider_.choose(kind, count); }
  bool happens(Decision kind, uint32_t per_million) override;
  uint64_t random_bits() override { return decider_.random_bits(); }
  void note(std::string_view what) override;
  void refuse(std::string_view what) override;
  void fail(std::string_view what) override;

  // `g`, which runs on `m` in a region of depth 1, waits, yields or has ended. Returns `g` when it
  // is to go on, in such a region, maybe on another M; null when it has ended.
  G* leave(M* m, G* g);

  size_t capture_left(std::span<uintptr_t> out) const;

  static Simulator* current() { return current_; }

 private:
  enum class State : uint8_t {
    runnable,
    running,
    held,    // interrupted at a point
    spins,   // as held, and cannot go on before `lock` is free, or others have run
    waits,   // parked
    timers,  // waits for the clock
  };
  struct Task {
    uint64_t id;
    G* g;
    State state;
    M* m = nullptr;
    bool readied = false;  // before it has parked
    const SpinLock* lock = nullptr;
    uint64_t since = 0;  // of spins without a lock: the number of switches
  };

  void begin();
  void end();
  void own_loop();
  void settle();
  Task* find(uint64_t id);
  Task* runs() { return find(running_); }
  void fetch();
  static bool is_running(State state);
  M* find_m();
  bool has_m() const;
  bool may_go_on(const Task& task) const;
  Task* pick(Task* current, bool yields);
  bool advance();
  void pass(Duration time);
  void switch_to(G* from, Task& next);
  void switch_to_own(G* from);
  void hold(State state, const SpinLock* lock);
  [[noreturn]] void stop(RunEnd end, std::string message);
  void run_timers();
  void describe_unfinished();

  static void on_panic(std::exception_ptr exception);
  static Simulator* current_;

  const SimulatedRun run_;
  Decider& decider_;
  RunOutcome outcome_;
  std::vector<Task> tasks_;  // alive, by id
  std::vector<M*> ms_;
  std::vector<uint64_t> ids_;  // scratch of pick()
  uint64_t running_ = 0;       // id; 0: the own context
  const G* left_ = nullptr;    // whose stack the latest switch is made on
  uint64_t clock_ns_;
  void* own_sp_ = nullptr;
  void* own_sanitizer_ = nullptr;
  bool main_ended_ = false;
  bool ending_ = false;  // the timers' goroutine is to end
  bool over_ = false;
  bool deciding_ = false;  // in the midst of a decision: no point
  // Of whoever runs, since it goes on.
  uint32_t turn_points_ = 0;
  static constexpr uint32_t turn_points_max = 1000;
  int uninterrupted_ = 0;  // Uninterrupted objects of who runs
};

}  // namespace sluice::runtime
