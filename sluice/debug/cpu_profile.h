// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <utility>

#include "sluice/base/result.h"
#include "sluice/base/time.h"
#include "sluice/context/context.h"
#include "sluice/runtime/cpu_samples.h"

namespace sluice::debug {

// What used the CPU between start() and stop(): 100 samples for each second of CPU time of each
// thread, as a profile that `go tool pprof` opens (profile.proto, gzip; symbols are in it).
//
//   CpuProfile profile = SLUICE_TRY(CpuProfile::start());
//   ...
//   write_file("cpu.pb.gz", profile.stop());
//
// Values are "samples" and "cpu" in nanoseconds; the tag "name" is set_goroutine_name()'s, and
// "created_by" the function that started the goroutine. The scheduler and the C library are in it
// like everything else. Samples that were lost are shown as used by "[lost samples]". While no
// profile runs, nothing is armed. runtime/cpu_samples.h says how it is done and what it costs.
// Thread-safety: as an int.
class CpuProfile {
 public:
  // Errors: failed_precondition: one runs already, there is one in a process at a time;
  // resource_exhausted: no memory or no thread.
  static Result<CpuProfile> start();

  CpuProfile(CpuProfile&& other) noexcept : running_(std::exchange(other.running_, false)) {}
  CpuProfile& operator=(CpuProfile&& other) noexcept {
    std::swap(running_, other.running_);
    return *this;
  }
  // Ends it, if stop() did not.
  ~CpuProfile();

  // Ends it; once.
  std::string stop();

 private:
  CpuProfile() = default;

  bool running_ = true;
};

// The profile of that time from now on, or until `context` ends if that is sooner. For goroutines.
// Errors: CpuProfile::start()'s.
Result<std::string> cpu_profile(const Context& context, Duration duration);

// Such samples as such a profile.
std::string encode_cpu_profile(const runtime::CpuSamples& samples);

}  // namespace sluice::debug
