// SPDX-License-Identifier: Apache-2.0

// A deadline travels with the context: the caller gives 20 ms, the callee two levels below sees it
// end, and the error says so at every level it passes.

#include <chrono>
#include <cstdio>
#include <string>

#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/run/run.h"

using sluice::Context;
using sluice::Result;
using namespace std::chrono_literals;

namespace {

struct RequestId {
  using Value = std::string;
};

// Answers after a minute, or says that the context ended first.
Result<int> slow_query(Context context) {
  Result<int> answer = 42;
  sluice::select(sluice::on_timeout(1min),
                 sluice::on_receive(context.done(), [&] { answer = *context.err(); }));
  return answer;
}

Result<int> handle(Context context) {
  auto answer = slow_query(context);
  if (answer) return *answer;
  return sluice::wrap(answer.error(), "request " + *context.value<RequestId>());
}

}  // namespace

int main() {
  return sluice::run([](Context context) {
    auto [limited, cancel] = sluice::with_timeout(context, 20ms);
    const Result<int> answer = handle(sluice::with_value<RequestId>(limited, "r-17"));
    if (answer) return 1;
    std::printf("%s\n", answer.error().to_string().c_str());
    return sluice::is(answer.error(), sluice::context_deadline_exceeded) ? 0 : 1;
  });
}
