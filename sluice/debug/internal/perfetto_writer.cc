// SPDX-License-Identifier: Apache-2.0

#include "sluice/debug/internal/perfetto_writer.h"

#include <time.h>

namespace sluice::debug::internal {

namespace {

// Field numbers and values of protos/perfetto/trace.
struct TraceField {
  static constexpr int packet = 1;
};
struct PacketField {
  static constexpr int clock_snapshot = 6, timestamp = 8, trusted_packet_sequence_id = 10,
                       track_event = 11, interned_data = 12, sequence_flags = 13,
                       trace_packet_defaults = 59, track_descriptor = 60;
};
struct SequenceFlag {
  static constexpr uint64_t incremental_state_cleared = 1, needs_incremental_state = 2;
};
struct DefaultsField {
  static constexpr int timestamp_clock_id = 58;
};
struct ClockSnapshotField {
  static constexpr int clocks = 1, primary_trace_clock = 2;
};
struct ClockField {
  static constexpr int clock_id = 1, timestamp = 2;
};
struct BuiltinClock {
  static constexpr uint64_t realtime = 1, monotonic = 3, boottime = 6;
};
struct DescriptorField {
  static constexpr int uuid = 1, name = 2, process = 3, parent_uuid = 5, counter = 8,
                       child_ordering = 11, sibling_order_rank = 12;
};
constexpr uint64_t ordering_explicit = 3;
struct ProcessField {
  static constexpr int pid = 1, process_name = 6;
};
struct EventField {
  static constexpr int debug_annotations = 4, type = 9, name_iid = 10, track_uuid = 11,
                       counter_value = 30, flow_ids = 47, terminating_flow_ids = 48;
};
struct EventType {
  static constexpr int slice_begin = 1, slice_end = 2, instant = 3, counter = 4;
};
struct AnnotationField {
  static constexpr int name_iid = 1, uint_value = 3, string_value = 6;
};
struct InternedField {
  static constexpr int event_names = 2, debug_annotation_names = 3;
};
struct NameField {
  static constexpr int iid = 1, name = 2;
};

constexpr uint64_t sequence = 1;
constexpr size_t piece_bytes = size_t{64} << 10;

uint64_t read_clock(clockid_t clock) {
  timespec time;
  ::clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

PerfettoWriter::PerfettoWriter(const TextSink& sink) : sink_(sink) {}

void PerfettoWriter::begin() {
  ProtoWriter snapshot;
  for (auto [id, clock] : {std::pair{BuiltinClock::monotonic, CLOCK_MONOTONIC},
                           std::pair{BuiltinClock::boottime, CLOCK_BOOTTIME},
                           std::pair{BuiltinClock::realtime, CLOCK_REALTIME}}) {
    ProtoWriter reading;
    reading.number(ClockField::clock_id, id);
    reading.number(ClockField::timestamp, read_clock(clock));
    snapshot.message(ClockSnapshotField::clocks, reading);
  }
  snapshot.number(ClockSnapshotField::primary_trace_clock, BuiltinClock::monotonic);
  packet_.message(PacketField::clock_snapshot, snapshot);
  ProtoWriter defaults;
  defaults.number(DefaultsField::timestamp_clock_id, BuiltinClock::monotonic);
  packet_.message(PacketField::trace_packet_defaults, defaults);
  packet_.number(PacketField::sequence_flags, SequenceFlag::incremental_state_cleared);
  end_packet();
}

void PerfettoWriter::describe_process(uint64_t uuid, int pid, std::string_view name) {
  part_.clear();
  part_.number(ProcessField::pid, static_cast<uint64_t>(pid));
  part_.bytes(ProcessField::process_name, name);
  event_.clear();
  event_.number(DescriptorField::uuid, uuid);
  event_.message(DescriptorField::process, part_);
  event_.number(DescriptorField::child_ordering, ordering_explicit);
  packet_.message(PacketField::track_descriptor, event_);
  end_packet();
}

void PerfettoWriter::describe(const Track& track) { describe_as(track, false); }
void PerfettoWriter::describe_counter(const Track& track) { describe_as(track, true); }

void PerfettoWriter::describe_as(const Track& track, bool counter) {
  event_.clear();
  event_.number(DescriptorField::uuid, track.uuid);
  if (track.parent != 0) event_.number(DescriptorField::parent_uuid, track.parent);
  event_.bytes(DescriptorField::name, track.name);
  if (counter) event_.message(DescriptorField::counter, {});
  if (track.ranks_children) event_.number(DescriptorField::child_ordering, ordering_explicit);
  event_.number(DescriptorField::sibling_order_rank, static_cast<uint64_t>(track.rank));
  packet_.message(PacketField::track_descriptor, event_);
  end_packet();
}

void PerfettoWriter::slice_begin(uint64_t track, uint64_t time_ns, std::string_view name,
                                 const Details& details) {
  begin_event(EventType::slice_begin, track);
  event_.number(EventField::name_iid, intern(event_names_, InternedField::event_names, name));
  add_details(details);
  end_event(time_ns);
}

void PerfettoWriter::slice_end(uint64_t track, uint64_t time_ns) {
  begin_event(EventType::slice_end, track);
  end_event(time_ns);
}

void PerfettoWriter::instant(uint64_t track, uint64_t time_ns, std::string_view name,
                             const Details& details) {
  begin_event(EventType::instant, track);
  event_.number(EventField::name_iid, intern(event_names_, InternedField::event_names, name));
  add_details(details);
  end_event(time_ns);
}

void PerfettoWriter::value(uint64_t track, uint64_t time_ns, int64_t value) {
  begin_event(EventType::counter, track);
  event_.number(EventField::counter_value, static_cast<uint64_t>(value));
  end_event(time_ns);
}

uint64_t PerfettoWriter::intern(Names& names, int field, std::string_view text) {
  auto [at, fresh] = names.try_emplace(std::string(text), names.size() + 1);
  if (fresh) {
    part_.clear();
    part_.number(NameField::iid, at->second);
    part_.bytes(NameField::name, text);
    interned_.message(field, part_);
  }
  return at->second;
}

void PerfettoWriter::begin_event(int type, uint64_t track) {
  event_.clear();
  interned_.clear();
  event_.number(EventField::type, static_cast<uint64_t>(type));
  event_.number(EventField::track_uuid, track);
}

void PerfettoWriter::add_details(const Details& details) {
  if (details.flow_out != 0) event_.fixed64(EventField::flow_ids, details.flow_out);
  if (details.flow_in != 0) event_.fixed64(EventField::terminating_flow_ids, details.flow_in);
  for (const Annotation& annotation : details.annotations) {
    uint64_t iid =
        intern(annotation_names_, InternedField::debug_annotation_names, annotation.name);
    part_.clear();
    part_.number(AnnotationField::name_iid, iid);
    if (annotation.text.empty())
      part_.number(AnnotationField::uint_value, annotation.number);
    else
      part_.bytes(AnnotationField::string_value, annotation.text);
    event_.message(EventField::debug_annotations, part_);
  }
}

void PerfettoWriter::end_event(uint64_t time_ns) {
  packet_.number(PacketField::timestamp, time_ns);
  packet_.number(PacketField::sequence_flags, SequenceFlag::needs_incremental_state);
  if (!interned_.empty()) packet_.message(PacketField::interned_data, interned_);
  packet_.message(PacketField::track_event, event_);
  end_packet();
}

void PerfettoWriter::end_packet() {
  packet_.number(PacketField::trusted_packet_sequence_id, sequence);
  out_.message(TraceField::packet, packet_);
  packet_.clear();
  if (out_.text().size() < piece_bytes) return;
  failed_ = failed_ || !sink_(out_.text());
  out_.clear();
}

bool PerfettoWriter::finish() {
  if (!out_.empty()) failed_ = failed_ || !sink_(out_.text());
  out_.clear();
  return !failed_;
}

}  // namespace sluice::debug::internal
