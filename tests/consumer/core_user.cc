// SPDX-License-Identifier: Apache-2.0

// What a user's first program looks like: a producer, a consumer, and the runtime around them.

#include <cstdio>

#include "sluice/chan/channel.h"
#include "sluice/run/run.h"
#include "sluice/runtime/go.h"

int main() {
  return sluice::run([](sluice::Context) -> sluice::Result<void> {
    sluice::Channel<int> numbers;
    sluice::go([numbers]() mutable {
      for (int i = 1; i <= 100; ++i) numbers.send(i);
      numbers.close();
    });
    int sum = 0;
    for (int number : numbers) sum += number;
    std::printf("sum %d\n", sum);
    if (sum != 5050) return sluice::Error(sluice::Code::internal, "the sum is wrong");
    return {};
  });
}
