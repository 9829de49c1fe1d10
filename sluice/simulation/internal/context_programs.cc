// SPDX-License-Identifier: Apache-2.0

#include <utility>

#include "sluice/context/context.h"
#include "sluice/runtime/go.h"
#include "sluice/simulation/internal/test_programs.h"
#include "sluice/simulation/simulate.h"
#include "sluice/sync/wait_group.h"

using namespace std::chrono_literals;

namespace sluice::simulation::internal {

namespace {

void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

// A child that is made while its parent ends has ended, too.
void child_of_one_that_ends() {
  auto [parent, cancel_parent] = with_cancel(Context());
  sync::WaitGroup group;
  group.go([cancel = std::move(cancel_parent)] { cancel(); });
  group.go([parent = parent] {
    auto [child, cancel_child] = with_cancel(parent);
    child.done().receive();
    expect(child.err().has_value(), "a context that is done has no error");
  });
  group.wait();
}

// done() asked for while the context ends is closed.
void done_while_it_ends() {
  auto [context, cancel] = with_cancel(Context());
  sync::WaitGroup group;
  for (int i = 0; i < 2; ++i) group.go([context = context] { context.done().receive(); });
  group.go([cancel = std::move(cancel)] { cancel(); });
  group.wait();
  expect(context.err().has_value(), "it is done without an error");
}

// Two causes: the first counts, for everybody.
void two_causes() {
  auto [context, cancel] = with_cancel(Context());
  Error causes[2] = {Error(Code::aborted, "first"), Error(Code::data_loss, "second")};
  sync::WaitGroup group;
  for (const Error& each : causes)
    group.go([&each, &cancel = cancel, context = context] {
      cancel(each);
      expect(context.cause().has_value(), "ended without a cause");
    });
  group.wait();
  Code code = context.cause()->code();
  expect(code == Code::aborted || code == Code::data_loss, "a cause that nobody gave");
}

// Either stop() or the function, never both, never neither.
void after_func_or_stop() {
  auto [context, cancel] = with_cancel(Context());
  int ran = 0;
  StopFunc stop = after_func(context, [&ran] { ++ran; });
  bool stopped = false;
  sync::WaitGroup group;
  group.go([cancel = std::move(cancel)] { cancel(); });
  group.go([&] { stopped = stop(); });
  group.wait();
  while (!stopped && ran == 0) yield();
  sleep_for(1ms);  // for one too many
  expect(ran + stopped == 1, "the function ran although it was stopped, or ran twice");
}

// The deadline and a cancel at the same moment.
void deadline_and_cancel() {
  auto [context, cancel] = with_timeout(Context(), 1ms);
  sync::WaitGroup group;
  group.go([cancel = std::move(cancel)] {
    sleep_for(1ms);
    cancel();
  });
  group.go([context = context] {
    auto [child, cancel_child] = with_timeout(context, 1ms);
    child.done().receive();
  });
  context.done().receive();
  Error first = *context.err();
  group.wait();
  expect(context.err()->code() == first.code(), "a context that has ended changes its mind");
}

}  // namespace

const std::vector<TestProgram>& context_programs() {
  static const std::vector<TestProgram> programs{
      {"context: a child while its parent ends", 3, child_of_one_that_ends},
      {"context: done() while it ends", 2, done_while_it_ends},
      {"context: two causes", 3, two_causes},
      {"context: after_func or stop", 2, after_func_or_stop},
      {"context: deadline and cancel", 2, deadline_and_cancel},
  };
  return programs;
}

}  // namespace sluice::simulation::internal
