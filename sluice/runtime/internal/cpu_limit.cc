// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/cpu_limit.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace sluice::runtime {

namespace {

std::string read_file(const std::string& path) {
  std::string text;
  FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return text;
  char chunk[4096];
  for (size_t n; (n = std::fread(chunk, 1, sizeof chunk, file)) > 0;) text.append(chunk, n);
  std::fclose(file);
  return text;
}

// Cuts the part up to `end` off the front of `text`.
std::string_view cut(std::string_view& text, char end) {
  size_t at = text.find(end);
  std::string_view part = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + 1);
  return part;
}

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

// Where a hierarchy is mounted, and which of its folders is mounted there. The last one wins, as
// it covers earlier ones. `controller` empty: the v2 hierarchy.
struct Mount {
  std::string point;
  std::string folder;
};
Mount find_mount(std::string_view mountinfo, std::string_view controller) {
  Mount found;
  while (!mountinfo.empty()) {
    std::string_view line = cut(mountinfo, '\n');
    std::string_view rest = line;
    for (int i = 0; i < 3; ++i) cut(rest, ' ');
    std::string_view folder = cut(rest, ' ');
    std::string_view point = cut(rest, ' ');
    size_t dash = line.find(" - ");
    if (dash == line.npos) continue;
    std::string_view tail = line.substr(dash + 3);
    std::string_view type = cut(tail, ' ');
    cut(tail, ' ');
    std::string options = "," + std::string(tail) + ",";
    bool matches =
        controller.empty()
            ? type == "cgroup2"
            : type == "cgroup" && options.find("," + std::string(controller) + ",") != options.npos;
    if (matches) found = {std::string(point), std::string(folder)};
  }
  return found;
}

// The tightest quota of `path` and all its parents below the mount.
template <class Quota>
int along_path(const std::string& root, const Mount& mount, std::string_view path, Quota quota) {
  if (mount.point.empty()) return 0;
  // In a container the mount may show only a part of the hierarchy.
  if (mount.folder != "/" && path.starts_with(mount.folder))
    path.remove_prefix(mount.folder.size());
  std::string base = root + mount.point;
  std::string below(path == "/" ? "" : path);
  int best = 0;
  for (;;) {
    best = tighter(best, quota(base + below));
    if (below.empty()) return best;
    size_t slash = below.rfind('/');
    below.resize(slash == below.npos ? 0 : slash);
  }
}

bool lists(std::string_view controllers, std::string_view wanted) {
  while (!controllers.empty())
    if (cut(controllers, ',') == wanted) return true;
  return false;
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
  while (!proc_self_cgroup.empty()) {
    std::string_view line = cut(proc_self_cgroup, '\n');
    std::string_view number = cut(line, ':');
    std::string_view controllers = cut(line, ':');
    std::string_view path = line;
    if (number == "0" && controllers.empty()) {
      Mount mount = find_mount(proc_self_mountinfo, "");
      best = tighter(best, along_path(root, mount, path, quota_v2));
    } else if (lists(controllers, "cpu")) {
      Mount mount = find_mount(proc_self_mountinfo, "cpu");
      best = tighter(best, along_path(root, mount, path, quota_v1));
    }
  }
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
