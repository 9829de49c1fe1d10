// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/cpu_profile.h"

#include <array>
#include <cstdint>
#include <string_view>

#include "sluice/base/assert.h"
#include "sluice/chan/select.h"
#include "sluice/debug/internal/profile_builder.h"
#include "sluice/debug/symbols.h"

namespace sluice::debug {

namespace {

using Builder = internal::ProfileBuilder;

constexpr Builder::ValueType types[] = {{"samples", "count"}, {"cpu", "nanoseconds"}};

}  // namespace

Result<CpuProfile> CpuProfile::start() {
  SLUICE_TRY(runtime::start_cpu_samples());
  return CpuProfile();
}

CpuProfile::~CpuProfile() {
  if (running_) runtime::stop_cpu_samples();
}

std::string CpuProfile::stop() {
  SLUICE_ASSERT(running_, "a CPU profile is stopped once");
  running_ = false;
  return encode_cpu_profile(runtime::stop_cpu_samples());
}

Result<std::string> cpu_profile(const Context& context, Duration duration) {
  CpuProfile profile = SLUICE_TRY(CpuProfile::start());
  select(on_receive(context.done()), on_timeout(duration));
  return profile.stop();
}

std::string encode_cpu_profile(const runtime::CpuSamples& samples) {
  Builder builder(types, internal::Frames::all);
  builder.set_period(types[1], samples.period.count());
  builder.set_time(samples.begin, samples.duration);
  auto values = [&samples](uint64_t count) {
    int64_t number = static_cast<int64_t>(count);
    return std::array{number, number * samples.period.count()};
  };
  for (const runtime::CpuSample& sample : samples.samples) {
    std::string_view creator;
    if (sample.created_by != 0) creator = locate(sample.created_by).frames.back().function;
    const Builder::Label labels[] = {{.key = "name", .text = sample.label},
                                     {.key = "created_by", .text = creator}};
    builder.add(samples.frames(sample), values(sample.count), labels);
  }
  if (samples.lost != 0) builder.add_function("[lost samples]", values(samples.lost));
  if (samples.threads_refused != 0)
    builder.add_comment(std::to_string(samples.threads_refused) +
                        " threads are not in it: the system had no timers for them "
                        "(RLIMIT_SIGPENDING)");
  return builder.finish();
}

}  // namespace sluice::debug
