// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace sluice::runtime {

// How many CPUs this process may use: the smaller of the affinity mask and the tightest cgroup
// quota on the path from its cgroup to the root (v2 cpu.max; v1 cpu.cfs_quota_us), rounded up.
// At least 1.
int available_cpus();

// The same from the contents of /proc/self/cgroup and below a given root in place of "/", for
// tests. 0: no quota.
int cgroup_cpus(std::string_view proc_self_cgroup, std::string_view proc_self_mountinfo,
                const std::string& root);

// "max 100000" or "150000 100000" (cpu.max): CPUs rounded up; 0: none or malformed.
int parse_cpu_max(std::string_view text);

}  // namespace sluice::runtime
