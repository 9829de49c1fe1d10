// SPDX-License-Identifier: Apache-2.0

#include "sluice/runtime/internal/memory_meter.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <utility>

namespace sluice::runtime {

namespace {

constexpr uint64_t page_cache_matters_percent = 70;
constexpr char statm[] = "/proc/self/statm";

uint64_t number_at(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The second number of statm, in pages.
uint64_t resident_of(std::string_view text) {
  cut(text, ' ');
  return number_at(text) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string total_of(const MemoryBound& bound) {
  if (bound.folder.empty()) return statm;
  return bound.folder + (bound.v2 ? "/memory.current" : "/memory.usage_in_bytes");
}

}  // namespace

KernelFile::KernelFile(const std::string& path)
    : fd_(path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}

KernelFile::KernelFile(KernelFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

KernelFile::~KernelFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::string_view KernelFile::read(char* buffer, size_t size) const {
  ssize_t n = fd_ < 0 ? -1 : ::pread(fd_, buffer, size, 0);
  return n > 0 ? std::string_view(buffer, static_cast<size_t>(n)) : std::string_view();
}

MemoryMeter::MemoryMeter(const std::vector<MemoryBound>& bounds) {
  sources_.reserve(bounds.size());
  for (const MemoryBound& bound : bounds) {
    bool is_cgroup = !bound.folder.empty();
    sources_.push_back({bound.limit_bytes, is_cgroup, bound.v2, KernelFile(total_of(bound)),
                        KernelFile(is_cgroup ? bound.folder + "/memory.stat" : "")});
  }
}

uint64_t MemoryMeter::used(const Source& source, bool exact) {
  char buffer[8192];
  std::string_view text = source.total.read(buffer, sizeof buffer);
  if (!source.is_cgroup) return resident_of(text);
  uint64_t total = number_at(text);
  if (!exact && total < source.limit_bytes / 100 * page_cache_matters_percent) return total;
  uint64_t inactive = parse_inactive_file(source.stat.read(buffer, sizeof buffer), source.v2);
  return total > inactive ? total - inactive : 0;
}

MemoryReading MemoryMeter::read(bool exact) const {
  MemoryReading nearest;
  double highest = -1;
  for (const Source& source : sources_) {
    uint64_t bytes = used(source, exact);
    double ratio = static_cast<double>(bytes) / static_cast<double>(source.limit_bytes);
    if (ratio <= highest) continue;
    highest = ratio;
    nearest = {bytes, source.limit_bytes};
  }
  return nearest;
}

uint64_t resident_bytes() {
  char buffer[128];
  return resident_of(KernelFile(statm).read(buffer, sizeof buffer));
}

uint64_t parse_inactive_file(std::string_view memory_stat, bool v2) {
  while (!memory_stat.empty()) {
    std::string_view line = cut(memory_stat, '\n');
    if (cut(line, ' ') == (v2 ? "inactive_file" : "total_inactive_file")) return number_at(line);
  }
  return 0;
}

}  // namespace sluice::runtime
