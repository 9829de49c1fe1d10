// SPDX-License-Identifier: Apache-2.0

// A pipeline that stops early: the reader has seen enough, cancels, and every stage ends by itself,
// because each of them waits for its channel or for the context, whichever is first.

#include <cstdio>

#include "sluice/chan/select.h"
#include "sluice/context/context.h"
#include "sluice/run/run.h"
#include "sluice/sync/group.h"

using sluice::Channel;
using sluice::Context;
using sluice::Result;

namespace {

// Sends 2, 3, 4, ... until nobody wants more.
void count(const Context& context, const Channel<int>& numbers) {
  for (int number = 2; !context.cancelled(); ++number)
    sluice::select(sluice::on_send(numbers, number), sluice::on_receive(context.done()));
}

// Passes on what `prime` does not divide.
void filter(const Context& context, const Channel<int>& in, const Channel<int>& out, int prime) {
  for (int number : in.until(context)) {
    if (number % prime == 0) continue;
    sluice::select(sluice::on_send(out, number), sluice::on_receive(context.done()));
  }
}

// The sieve of Eratosthenes: one goroutine and one channel for each prime.
Result<void> print_primes(Context parent) {
  auto [context, cancel] = sluice::with_cancel(parent);
  sluice::sync::Group stages{context};
  Channel<int> numbers;
  stages.go([numbers](Context context) -> Result<void> {
    count(context, numbers);
    return {};
  });
  int last = 0;
  for (int i = 0; i < 20; ++i) {
    last = numbers.receive().value_or(0);
    std::printf("%d ", last);
    Channel<int> rest;
    stages.go([numbers, rest, last](Context context) -> Result<void> {
      filter(context, numbers, rest, last);
      return {};
    });
    numbers = rest;
  }
  std::printf("\n");
  cancel();
  SLUICE_TRY(stages.wait());
  if (last != 71) return sluice::Error(sluice::Code::internal, "the 20th prime is 71");
  return {};
}

}  // namespace

int main() { return sluice::run(print_primes); }
