// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "sluice/base/function.h"
#include "sluice/base/result.h"
#include "sluice/context/context.h"
#include "sluice/runtime/runtime.h"

namespace sluice {

// The number of the signal that ended the root context; a detail of its cause.
//   if (const SignalCause* signal = as<SignalCause>(*context.cause())) ...
struct SignalCause {
  int number;
};

namespace internal {
int run_main(const RuntimeOptions& options, Function<Result<int>(Context)> main);

template <class F>
auto call_main(F& fn, [[maybe_unused]] const Context& context) {
  if constexpr (std::is_invocable_v<F&, const Context&>) {
    return fn(context);
  } else {
    return fn();
  }
}
}  // namespace internal

// A program's main(): starts a Runtime, runs `fn(context)` or `fn()` as its first goroutine, and
// returns the exit status:
//   int main() { return sluice::run([](Context context) -> Result<void> { return serve(context);
// }); } `fn` returns Result<void>, Result<int>, int or nothing; an int is the status. An error is
// printed to standard error as "error: <text>" and gives 1. When it returns, the program is over:
// goroutines that still run are abandoned.
// SIGINT and SIGTERM end the root context with a cause that names the signal ("received SIGTERM",
// with a SignalCause), also where they were ignored before. A second one ends the process at once
// with status 128 + its number. Both signals' dispositions are restored before it returns.
// At most one at a time. An exception that leaves `fn` leaves run().
template <class F>
int run(const RuntimeOptions& options, F&& fn) {
  return internal::run_main(options, [&fn](Context context) -> Result<int> {
    using Value = decltype(internal::call_main(fn, context));
    if constexpr (std::is_void_v<Value>) {
      internal::call_main(fn, context);
      return 0;
    } else if constexpr (std::same_as<Value, Result<void>>) {
      SLUICE_TRY(internal::call_main(fn, context));
      return 0;
    } else {
      static_assert(std::convertible_to<Value, Result<int>>,
                    "run(fn): fn returns Result<void>, Result<int>, int or nothing");
      return internal::call_main(fn, context);
    }
  });
}

template <class F>
int run(F&& fn) {
  return run(RuntimeOptions{}, std::forward<F>(fn));
}

}  // namespace sluice
