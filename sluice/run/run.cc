// SPDX-License-Identifier: Apache-2.0

#include "sluice/run/run.h"

#include <signal.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "sluice/run/internal/signal_watch.h"

namespace sluice::internal {

namespace {

Error received(int signal) {
  return Error(Code::cancelled, signal == SIGINT ? "received SIGINT" : "received SIGTERM")
      .with(SignalCause{signal});
}

int report(const Error& error) {
  // One write: lines of several threads or processes do not mix.
  std::string line = "error: " + error.to_string() + "\n";
  [[maybe_unused]] ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
  return 1;
}

}  // namespace

int run_main(const RuntimeOptions& options, Function<Result<int>(Context)> main) {
  Runtime runtime(options);
  auto [context, cancel] = with_cancel(Context::background());
  SignalWatch watch([&cancel](int signal) { cancel(received(signal)); });
  Result<int> status = runtime.block_on([&] { return main(context); });
  return status ? *status : report(status.error());
}

}  // namespace sluice::internal
