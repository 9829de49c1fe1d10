// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "bench/memory/options.h"

namespace bench_memory {

// This program once more, as the server, with an end to its memory.
class ServerProcess {
 public:
  // Returns when it listens. `governed`: with the limit that it would find for itself; else with
  // SLUICE_MEMLIMIT=off.
  ServerProcess(const Options& options, bool governed);
  ~ServerProcess();  // ends it
  ServerProcess(const ServerProcess&) = delete;

  const std::string& address() const { return address_; }
  uint64_t resident_bytes() const;
  uint64_t resident_bytes_max() const { return most_.load(); }
  // It ended before its time.
  bool killed() const { return killed_.load(); }

 private:
  [[noreturn]] void become_server(const Options& options, bool governed, int output);
  // Looks each millisecond; kills where no cgroup does.
  void watch(uint64_t kill_above_bytes);

  pid_t pid_ = 0;
  int input_ = -1;  // it ends with this
  std::string address_;
  std::atomic<uint64_t> most_{0};
  std::atomic<bool> killed_{false};
  std::atomic<bool> over_{false};
  std::thread watchdog_;
};

// The server's own life: prints its address, serves until standard input ends.
int serve(const Options& options);

}  // namespace bench_memory
