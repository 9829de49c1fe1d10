// SPDX-License-Identifier: Apache-2.0

#include "sluice/simulation/internal/trace_file.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <set>

#include "sluice/debug/internal/perfetto_writer.h"
#include "sluice/simulation/internal/timeline.h"

namespace sluice::simulation::internal {

namespace {

using debug::internal::PerfettoAnnotation;
using debug::internal::PerfettoWriter;

constexpr uint64_t process_track = 1;

class TraceFile {
 public:
  TraceFile(const SharedRun& run, PerfettoWriter& out) : run_(run), out_(out) {}

  void write() {
    out_.begin();
    out_.describe_process(process_track, 1, "simulation");
    for (uint32_t i = 0; i < run_.event_count; ++i) {
      const SharedRun::Event& event = run_.events[i];
      describe(event);
      if (event.departure) out_.instant(track(event.goroutine), event.when, "departure");
      if (event.text_size != 0)
        out_.instant(track(event.goroutine), event.when, run_.text_of(event));
      else
        turn(i);
    }
  }

 private:
  static uint64_t track(uint64_t goroutine) { return process_track + goroutine; }

  void describe(const SharedRun::Event& event) {
    if (!described_.insert(event.goroutine).second) return;
    std::string name = named(event.goroutine, event.label);
    out_.describe({.uuid = track(event.goroutine), .parent = process_track, .name = name});
  }

  // From this switch to the next one, which knows where the goroutine stopped.
  void turn(uint32_t begin) {
    const SharedRun::Event& event = run_.events[begin];
    uint32_t end = begin + 1;
    while (end < run_.event_count && run_.events[end].text_size != 0) ++end;
    std::string stops = end < run_.event_count ? where_left(run_.events[end]) : "the run ends";
    PerfettoAnnotation annotation{.name = "stops", .text = stops};
    out_.slice_begin(track(event.goroutine), event.when, "runs", {.annotations = {&annotation, 1}});
    out_.slice_end(track(event.goroutine),
                   end < run_.event_count ? run_.events[end].when : event.when + 1);
  }

  const SharedRun& run_;
  PerfettoWriter& out_;
  std::set<uint64_t> described_;
};

}  // namespace

Result<void> write_trace_file(const SharedRun& run, const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "wb"), &std::fclose);
  if (file == nullptr) return errno_error(errno, path);
  debug::TextSink sink = [&](std::string_view bytes) {
    return std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  };
  PerfettoWriter out(sink);
  TraceFile(run, out).write();
  if (!out.finish() || std::fflush(file.get()) != 0) return errno_error(errno, path);
  return {};
}

}  // namespace sluice::simulation::internal
