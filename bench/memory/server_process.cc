// SPDX-License-Identifier: Apache-2.0

#include "bench/memory/server_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "sluice/base/assert.h"

namespace bench_memory {

namespace {

void append_number(std::vector<std::string>& arguments, const char* name, int64_t value) {
  arguments.push_back(std::string(name) + "=" + std::to_string(value));
}

std::string read_line(int fd) {
  std::string line;
  for (char c; ::read(fd, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

}  // namespace

ServerProcess::ServerProcess(const Options& options, bool governed) {
  int in[2];
  int out[2];
  SLUICE_ASSERT(::pipe(in) == 0 && ::pipe(out) == 0, "no pipes");
  pid_ = ::fork();
  SLUICE_ASSERT(pid_ >= 0, "cannot fork");
  if (pid_ == 0) {
    ::dup2(in[0], STDIN_FILENO);
    for (int fd : {in[0], in[1], out[0]}) ::close(fd);
    become_server(options, governed, out[1]);
  }
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  address_ = read_line(out[0]);
  ::close(out[0]);
  SLUICE_ASSERT(!address_.empty(), "the server did not start");
  uint64_t kill_above = options.cgroup.empty() ? options.hard_mib << 20 : UINT64_MAX;
  watchdog_ = std::thread([this, kill_above] { watch(kill_above); });
}

void ServerProcess::become_server(const Options& options, bool governed, int output) {
  ::dup2(output, STDOUT_FILENO);
  ::close(output);
  if (!options.cgroup.empty()) {
    std::ofstream procs(options.cgroup + "/cgroup.procs");
    procs << ::getpid() << std::flush;
    SLUICE_ASSERT(procs.good(), "cannot enter the cgroup");
  }
  if (!governed)
    ::setenv("SLUICE_MEMLIMIT", "off", 1);
  else if (options.cgroup.empty())  // 90 % as of a cgroup's
    ::setenv("SLUICE_MEMLIMIT", (std::to_string(options.hard_mib * 9 / 10) + "MiB").c_str(), 1);
  else
    ::unsetenv("SLUICE_MEMLIMIT");
  std::vector<std::string> arguments = {"bench_memory", "--serve"};
  append_number(arguments, "--request-kib", static_cast<int64_t>(options.request_kib));
  append_number(arguments, "--hold-ms", options.hold.count());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv("/proc/self/exe", argv.data());
  std::abort();
}

ServerProcess::~ServerProcess() {
  over_.store(true);
  watchdog_.join();
  ::close(input_);
  if (!killed_.load()) ::waitpid(pid_, nullptr, 0);
}

uint64_t ServerProcess::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

void ServerProcess::watch(uint64_t kill_above_bytes) {
  while (!over_.load()) {
    uint64_t resident = resident_bytes();
    if (resident > most_.load()) most_.store(resident);
    if (resident > kill_above_bytes) ::kill(pid_, SIGKILL);
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      killed_.store(true);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace bench_memory
