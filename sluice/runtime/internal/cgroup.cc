// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/cgroup.h"

#include <cstdio>

namespace sluice::runtime {

namespace {

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

// `path` and all its parents below the mount.
void add_path(std::vector<CgroupFolder>& folders, const std::string& root, const Mount& mount,
              std::string_view path, bool v2) {
  if (mount.point.empty()) return;
  // In a container the mount may show only a part of the hierarchy.
  if (mount.folder != "/" && path.starts_with(mount.folder))
    path.remove_prefix(mount.folder.size());
  std::string base = root + mount.point;
  std::string below(path == "/" ? "" : path);
  for (bool own = true;; own = false) {
    folders.push_back({base + below, v2, own});
    if (below.empty()) return;
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

std::string read_file(const std::string& path) {
  std::string text;
  FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return text;
  char chunk[4096];
  for (size_t n; (n = std::fread(chunk, 1, sizeof chunk, file)) > 0;) text.append(chunk, n);
  std::fclose(file);
  return text;
}

std::string_view cut(std::string_view& text, char end) {
  size_t at = text.find(end);
  std::string_view part = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + 1);
  return part;
}

std::vector<CgroupFolder> cgroup_folders(std::string_view controller,
                                         std::string_view proc_self_cgroup,
                                         std::string_view proc_self_mountinfo,
                                         const std::string& root) {
  std::vector<CgroupFolder> folders;
  while (!proc_self_cgroup.empty()) {
    std::string_view line = cut(proc_self_cgroup, '\n');
    std::string_view number = cut(line, ':');
    std::string_view controllers = cut(line, ':');
    std::string_view path = line;
    if (number == "0" && controllers.empty())
      add_path(folders, root, find_mount(proc_self_mountinfo, ""), path, true);
    else if (lists(controllers, controller))
      add_path(folders, root, find_mount(proc_self_mountinfo, controller), path, false);
  }
  return folders;
}

std::vector<CgroupFolder> cgroup_folders(std::string_view controller) {
  return cgroup_folders(controller, read_file("/proc/self/cgroup"),
                        read_file("/proc/self/mountinfo"), "");
}

}  // namespace sluice::runtime
