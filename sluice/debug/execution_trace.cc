// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/execution_trace.h"

#include <algorithm>

#include "sluice/chan/select.h"
#include "sluice/debug/internal/perfetto_writer.h"
#include "sluice/debug/internal/trace_survey.h"
#include "sluice/debug/internal/trace_tracks.h"

namespace sluice::debug {

using runtime::Event;

Result<ExecutionTrace> ExecutionTrace::start(size_t bytes_max) {
  return ExecutionTrace(SLUICE_TRY(runtime::EventRecording::start(bytes_max)));
}

void ExecutionTrace::wait(const Context& context, Duration duration) const {
  constexpr Duration look_every = std::chrono::milliseconds(50);
  Instant end = now() + duration;
  bool ended = false;
  while (!ended && !is_full() && now() < end)
    select(on_receive(context.done(), [&] { ended = true; }),
           on_timeout(std::min(end - now(), look_every)));
}

bool ExecutionTrace::write(const TextSink& sink) {
  stop();
  internal::TraceSurvey survey;
  recording_.visit([&](const Event& event) {
    survey.add(event);
    return true;
  });
  survey.finish();
  internal::PerfettoWriter out(sink);
  internal::TraceTracks tracks(survey, {recording_.begin_ns(), recording_.end_ns()}, out);
  tracks.begin();
  recording_.visit([&](const Event& event) { return tracks.add(event); });
  tracks.finish();
  return out.finish();
}

}  // namespace sluice::debug
