// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::runtime {

// A folder of the cgroup file system.
struct CgroupFolder {
  std::string path;
  bool v2;
  bool own;  // this process's; else a parent's, whose limits hold for it too
};

// Where the limits of one controller ("cpu", "memory") on this process are: its cgroup's folder and
// those of all parents up to the mount, in the v2 hierarchy and in the controller's of v1. From the
// contents of /proc/self/cgroup and /proc/self/mountinfo, with `root` in place of "/" (for tests).
std::vector<CgroupFolder> cgroup_folders(std::string_view controller,
                                         std::string_view proc_self_cgroup,
                                         std::string_view proc_self_mountinfo,
                                         const std::string& root);

// Those of this process.
std::vector<CgroupFolder> cgroup_folders(std::string_view controller);

// All of a file; empty: there is none.
std::string read_file(const std::string& path);

// Cuts the part up to `end` off the front of `text`.
std::string_view cut(std::string_view& text, char end);

}  // namespace sluice::runtime
