// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sluice/debug/goroutine_text.h"
#include "sluice/debug/internal/proto_writer.h"

namespace sluice::debug::internal {

struct PerfettoTrack {
  uint64_t uuid;
  uint64_t parent = 0;  // 0: none
  std::string_view name;
  int rank = 0;  // among its siblings, if the parent says that ranks count
  bool ranks_children = false;
};

struct PerfettoAnnotation {
  std::string_view name;
  uint64_t number = 0;
  std::string_view text{};  // instead of `number`, unless empty
};

struct PerfettoDetails {
  uint64_t flow_out = 0;  // an arrow begins here; 0: none
  uint64_t flow_in = 0;   // it ends here
  std::span<const PerfettoAnnotation> annotations{};
};

// Writes a trace as Perfetto's TracePackets (perfetto.dev, "Writing TrackEvent Protos
// Synthetically"): tracks, and on them slices, instants and values, which flows connect.
//
// A track is described before the first event on it, by a number of the caller's choice. Events may
// come in any order of tracks; on one track by time. All are on one packet sequence, which names
// every text once and refers to it by number.
class PerfettoWriter {
 public:
  using Track = PerfettoTrack;
  using Annotation = PerfettoAnnotation;
  using Details = PerfettoDetails;

  // `sink` outlives it.
  explicit PerfettoWriter(const TextSink& sink);

  // Times are those of CLOCK_MONOTONIC; how that stands to the calendar is written here.
  void begin();
  void describe_process(uint64_t uuid, int pid, std::string_view name);
  void describe(const Track& track);
  void describe_counter(const Track& track);

  void slice_begin(uint64_t track, uint64_t time_ns, std::string_view name,
                   const Details& details = {});
  void slice_end(uint64_t track, uint64_t time_ns);
  void instant(uint64_t track, uint64_t time_ns, std::string_view name,
               const Details& details = {});
  void value(uint64_t track, uint64_t time_ns, int64_t value);

  // Hands on what is left. False: the sink takes no more.
  bool finish();
  bool failed() const { return failed_; }

 private:
  using Names = std::unordered_map<std::string, uint64_t>;

  // A text's number; with the first use it is added to the packet's interned_data, as `field`.
  uint64_t intern(Names& names, int field, std::string_view text);
  void begin_event(int type, uint64_t track);
  void add_details(const Details& details);
  void end_event(uint64_t time_ns);
  void describe_as(const Track& track, bool counter);
  void end_packet();

  const TextSink& sink_;
  bool failed_ = false;
  ProtoWriter out_;
  ProtoWriter packet_;
  ProtoWriter event_;
  ProtoWriter interned_;
  ProtoWriter part_;
  Names event_names_;
  Names annotation_names_;
};

}  // namespace sluice::debug::internal
