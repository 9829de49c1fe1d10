// SPDX-License-Identifier: Apache-2.0

// The program of README.md: three workers, a channel in, a channel out, and a deadline.

#include <chrono>
#include <cstdio>

#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/run/run.h"
#include "sluice/sync/group.h"

using namespace sluice;
using namespace std::chrono_literals;

int main() {
  return run([](Context context) -> Result<void> {  // a signal to stop ends the context
    Channel<int> jobs{10};                          // bounded: a full channel is backpressure
    Channel<int> squares;                           // unbuffered: a rendezvous
    auto [deadline, cancel] = with_timeout(context, 30s);

    sync::Group workers{deadline};  // joined at scope exit: no goroutine outlives it
    for (int i = 0; i < 3; ++i)
      workers.go([=](Context context) -> Result<void> {
        for (int job : jobs.until(context))
          select(on_send(squares, job * job), on_receive(context.done()));
        return {};
      });
    for (int job = 1; job <= 5; ++job) jobs.send(job);
    jobs.close();

    for (int received = 0; received < 5; ++received)
      select(on_receive(squares, [](int square) { std::printf("%d\n", square); }),
             on_receive(deadline.done(), [&] { received = 5; }));
    return workers.wait();
  });
}
