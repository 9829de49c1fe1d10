// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/simulated_disk.h"

#include "sluice/sqlite/internal/disk.h"

namespace sluice::sqlite {

DiskFaults DiskFaults::rough() {
  return {.read_error = 1000,
          .write_error = 4000,
          .full = 4000,
          .sync_error = 10'000,
          .slow_sync = 20'000,
          .busy = 5000};
}

struct SimulatedDisk::Parts {
  explicit Parts(DiskFaults faults) : disk(faults) {}

  internal::Disk disk;
  internal::DiskVfs vfs{disk};
};

SimulatedDisk::SimulatedDisk(DiskFaults faults) : parts_(std::make_unique<Parts>(faults)) {}
SimulatedDisk::~SimulatedDisk() = default;

void SimulatedDisk::kill() { parts_->disk.kill(); }
void SimulatedDisk::cut_power() { parts_->disk.cut_power(); }
void SimulatedDisk::set_faults(const DiskFaults& faults) { parts_->disk.set_faults(faults); }
DiskCounts SimulatedDisk::counts() const { return parts_->disk.counts(); }

}  // namespace sluice::sqlite
