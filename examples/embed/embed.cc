// SPDX-License-Identifier: Apache-2.0

// Sluice inside a program that has threads of its own: a plain thread feeds a channel and waits on
// it like a goroutine would; it blocks itself only.

#include <cstdio>
#include <string>
#include <thread>

#include "sluice/chan/channel.h"
#include "sluice/runtime/go.h"
#include "sluice/runtime/runtime.h"

int main() {
  sluice::Runtime runtime;
  sluice::Channel<std::string> lines;
  sluice::Channel<size_t> lengths;

  std::thread legacy([lines, lengths] {  // knows nothing of goroutines
    for (const char* line : {"from", "another", "world"}) {
      lines.send(line);
      std::printf("%s: %zu\n", line, lengths.receive().value_or(0));
    }
    lines.close();
  });

  const size_t total = runtime.block_on([=] {
    size_t sum = 0;
    for (const std::string& line : lines) {
      sum += line.size();
      lengths.send(line.size());
    }
    return sum;
  });
  legacy.join();
  return total == 16 ? 0 : 1;
}
