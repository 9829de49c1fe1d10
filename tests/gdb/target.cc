// SPDX-License-Identifier: Apache-2.0

// What gdb_test.py looks at: a goroutine for everything that one may be doing, each with its name.
// The lines that the test expects to see are marked, "// at: name".
//
//   target            stops in in_place() when everybody is, then waits for its input to end
//   target rally      two goroutines hand a number to and fro, and come by passing() each time
//   target relay      each goroutine starts the next and ends, and comes by passing() first
//   target no-runtime stops in in_place() before there is a Runtime

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>

#include "sluice/chan/channel.h"
#include "sluice/chan/select.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/goroutines.h"
#include "sluice/runtime/runtime.h"
#include "sluice/sync/mutex.h"

// Breakpoints of the test.
extern "C" [[gnu::noinline]] void in_place() { asm volatile(""); }
extern "C" [[gnu::noinline]] void passing() { asm volatile(""); }

namespace shop {

using sluice::Channel;
using sluice::runtime::GoroutineState;

constexpr sluice::Duration for_ever = std::chrono::hours(24);

struct Order {
  int number;
  const char* article;
};

std::atomic<bool> handling_signal{false};
std::atomic<uint64_t> count{0};
int silent_pipe[2];

// Blocks in the kernel.
[[gnu::noinline]] void read_for_ever() {
  char byte;
  if (::read(silent_pipe[0], &byte, 1) >= 0) std::abort();  // at: reader
}

[[gnu::noinline]] int take_order(Channel<Order> orders, const Order& last) {
  int wanted = last.number + 1;
  auto order = orders.receive();  // at: taker
  return order->number + wanted;
}

[[gnu::always_inline]] inline int take_inlined(Channel<Order>& orders) {
  return orders.receive()->number;  // at: inlined
}
[[gnu::noinline]] int take_by_inlined_call(Channel<Order> orders) {
  int number = take_inlined(orders);  // at: caller of inlined
  return number + 1;
}

[[gnu::noinline]] void select_one(Channel<Order> orders, Channel<int> prices) {
  sluice::select(sluice::on_receive(orders, [](Order) {}),  // at: selecter
                 sluice::on_receive(prices, [](int) {}));
  std::abort();
}

[[gnu::noinline]] void hold(sluice::sync::Mutex& mutex) {
  mutex.lock();
  sluice::sleep_for(for_ever);  // at: holder
  mutex.unlock();
}
[[gnu::noinline]] void want(sluice::sync::Mutex& mutex) {
  mutex.lock();  // at: wanter
  mutex.unlock();
}

[[gnu::noinline]] void count_for_ever() {
  for (;;) count.fetch_add(1, std::memory_order_relaxed);  // at: counter
}

// Comes upon a goroutine on the thread's alternate stack, and stays.
void on_signal(int) {
  handling_signal = true;
  read_for_ever();
}
[[gnu::noinline]] void interrupt_myself() {
  ::raise(SIGUSR1);  // at: interrupted
  std::abort();
}

[[gnu::noinline]] void be_left_behind(Channel<int> nothing) {
  if (nothing.receive()) std::abort();  // at: left behind
}

template <class F>
[[gnu::noinline]] void start(const char* name, F function) {
  sluice::go([name, function]() mutable {  // at: start
    sluice::set_goroutine_name(name);
    function();
  });
}

// A Runtime with other stacks than the next, and what it leaves behind.
void leave_some_behind() {
  sluice::Runtime runtime{{.max_procs = 1, .stack_bytes = 65536}};
  Channel<int> nothing;
  start("left behind", [nothing] { be_left_behind(nothing); });
  start("left blocked", [] { read_for_ever(); });
  runtime.block_on([] { sluice::sleep_for(std::chrono::milliseconds(1)); });
}

// Everybody is where the test expects it: the waiting wait, the blocked are blocked.
bool are_all_in_place() {
  static const std::map<std::string_view, GoroutineState> expected = {
      {"taker", GoroutineState::waiting},    {"inlined", GoroutineState::waiting},
      {"selecter", GoroutineState::waiting}, {"holder", GoroutineState::waiting},
      {"wanter", GoroutineState::waiting},   {"reader", GoroutineState::syscall},
      {"blocking", GoroutineState::syscall}, {"counter", GoroutineState::running},
  };
  size_t found = 0;
  for (const auto& goroutine : sluice::runtime::capture_goroutines().goroutines) {
    auto one = expected.find(goroutine.label);
    if (one == expected.end()) continue;
    if (one->second != goroutine.state) return false;
    ++found;
  }
  return found == expected.size() && handling_signal && count != 0;
}

[[gnu::noinline]] void wait_for_the_debugger() {
  in_place();  // at: main
  std::puts("in place");
  std::fflush(stdout);
  char byte;
  while (::read(STDIN_FILENO, &byte, 1) > 0) continue;
  ::_exit(0);
}

// On one processor, with as many threads as are going to be held: once everybody is in place and
// this goroutine has the processor, there is no thread that it could be taken for. So who is
// started then does not begin, however long it takes gdb to look.
void everything_at_once() {
  leave_some_behind();
  constexpr int held = 5;  // counter, reader, blocking, interrupted, and the one that starts them
  sluice::Runtime runtime{{.max_procs = 1, .threads_max = held}};
  sluice::sync::Mutex mutex;
  Channel<Order> orders;
  Channel<int> prices;
  runtime.block_on([&] {
    sluice::set_goroutine_name("main");
    start("taker", [&] { take_order(orders, Order{41, "tea"}); });
    start("inlined", [&] { take_by_inlined_call(orders); });
    start("selecter", [&] { select_one(orders, prices); });
    start("holder", [&] { hold(mutex); });
    while (mutex.try_lock()) {
      mutex.unlock();
      sluice::yield();
    }
    start("wanter", [&] { want(mutex); });
    start("counter", [] { count_for_ever(); });
    start("reader", [] { read_for_ever(); });
    start("blocking", [] { sluice::blocking([] { read_for_ever(); }); });  // at: blocking
    start("interrupted", [] { interrupt_myself(); });
    while (!are_all_in_place()) sluice::yield();
    std::array<char, 512> large{};
    start("small", [] { std::abort(); });
    start("large", [large] { std::abort(); });
    wait_for_the_debugger();
  });
}

[[gnu::noinline]] void ping(Channel<int> out, Channel<int> in) {
  for (int i = 0;; ++i) {
    passing();
    out.send(i);
    in.receive();
  }
}
[[gnu::noinline]] void pong(Channel<int> out, Channel<int> in) {
  for (;;) out.send(*in.receive());
}
void rally() {
  sluice::Runtime runtime{{.max_procs = 1}};
  Channel<int> there, back;
  runtime.block_on([&] {
    start("pong", [&] { pong(back, there); });
    start("ping", [&] { ping(there, back); });
    sluice::sleep_for(for_ever);
  });
}

[[gnu::noinline]] void run_a_leg() {
  passing();
  sluice::go(run_a_leg);
}
void relay() {
  sluice::Runtime runtime{{.max_procs = 1}};
  runtime.block_on([] {
    sluice::go(run_a_leg);
    sluice::sleep_for(for_ever);
  });
}

}  // namespace shop

int main(int argc, char** argv) {
  std::string_view scene = argc > 1 ? argv[1] : "";
  // Where attaching is restricted to a process' own parent, ours may attach nevertheless.
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  if (::pipe(shop::silent_pipe) != 0) return 1;
  struct sigaction action = {};
  action.sa_handler = shop::on_signal;
  action.sa_flags = SA_ONSTACK;
  ::sigaction(SIGUSR1, &action, nullptr);
  if (scene == "no-runtime") {
    in_place();
  } else if (scene == "rally") {
    shop::rally();
  } else if (scene == "relay") {
    shop::relay();
  } else {
    shop::everything_at_once();
  }
}
