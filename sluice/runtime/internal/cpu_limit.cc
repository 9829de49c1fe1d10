// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/cpu_limit.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>

#include "sluice/runtime/internal/cgroup.h"

namespace sluice::runtime {

namespace {

int round_up(long quota, long period) {
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::min((quota + period - 1) / period, 1L << 20));
}

int tighter(int a, int b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

int quota_v2(const std::string& folder) { return parse_cpu_max(read_file(folder + "/cpu.max")); }

int quota_v1(const std::string& folder) {
  std::string quota = read_file(folder + "/cpu.cfs_quota_us");
  std::string period = read_file(folder + "/cpu.cfs_period_us");
  return round_up(std::atol(quota.c_str()), std::atol(period.c_str()));
}

}  // namespace

int parse_cpu_max(std::string_view text) {
  std::string quota(cut(text, ' '));
  std::string period(cut(text, '\n'));
  return round_up(std::atol(quota.c_str()), std::atol(period.c_str()));
}

int cgroup_cpus(std::string_view proc_self_cgroup, std::string_view proc_self_mountinfo,
                const std::string& root) {
  int best = 0;
  for (const CgroupFolder& folder :
       cgroup_folders("cpu", proc_self_cgroup, proc_self_mountinfo, root))
    best = tighter(best, folder.v2 ? quota_v2(folder.path) : quota_v1(folder.path));
  return best;
}

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int affine = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  int quota = cgroup_cpus(read_file("/proc/self/cgroup"), read_file("/proc/self/mountinfo"), "");
  return std::max(tighter(affine, quota), 1);
}

}  // namespace sluice::runtime
