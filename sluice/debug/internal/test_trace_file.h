// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::debug::internal {

// For tests: reads protobuf's wire format without a schema, one field after the other.
class ProtoFields {
 public:
  explicit ProtoFields(std::string_view text) : text_(text) {}

  // False at the end. A field that is cut off fails the test.
  bool next() {
    if (text_.empty()) return false;
    uint64_t key = varint();
    field = static_cast<int>(key >> 3);
    number = 0;
    bytes = {};
    switch (key & 7) {
      case 0:
        number = varint();
        break;
      case 1:
        bytes = take(8);
        for (size_t i = 0; i < bytes.size(); ++i)
          number |= uint64_t{static_cast<uint8_t>(bytes[i])} << 8 * i;
        break;
      case 2:
        bytes = take(varint());
        break;
      default:
        ADD_FAILURE() << "wire type " << (key & 7);
        text_ = {};
    }
    return true;
  }

  int field = 0;
  uint64_t number = 0;
  std::string_view bytes;

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      std::string_view byte = take(1);
      if (byte.empty()) return 0;
      value |= uint64_t{static_cast<uint8_t>(byte[0]) & 0x7fU} << shift;
      if ((byte[0] & 0x80) == 0) return value;
    }
    ADD_FAILURE() << "a varint of more than ten bytes";
    return 0;
  }
  std::string_view take(uint64_t count) {
    EXPECT_LE(count, text_.size());
    std::string_view taken = text_.substr(0, count);
    text_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view text_;
};

// For tests: a Perfetto trace, read as its reader does.
class TraceFile {
 public:
  struct Track {
    std::string name;
    uint64_t parent = 0;
    bool counter = false;
  };
  struct Event {
    int type = 0;  // TrackEvent.Type: 1 begin, 2 end, 3 instant, 4 counter
    uint64_t time_ns = 0;
    size_t place = 0;  // in the file
    uint64_t track = 0;
    std::string name;
    int64_t value = 0;
    std::vector<uint64_t> flows_out;
    std::vector<uint64_t> flows_in;
    std::map<std::string, uint64_t> numbers;
  };
  struct Slice {
    uint64_t track;
    std::string name;
    uint64_t begin_ns;
    uint64_t end_ns;
    size_t depth;  // 0: not within another
  };

  explicit TraceFile(std::string_view text) {
    for (ProtoFields file(text); file.next();) {
      EXPECT_EQ(file.field, 1);
      read_packet(file.bytes);
    }
    // By time; of one moment, as they are in the file.
    std::ranges::sort(events_, {},
                      [](const Event& event) { return std::pair(event.time_ns, event.place); });
    pair_slices();
    check_flows();
  }

  const std::map<uint64_t, Track>& tracks() const { return tracks_; }
  const std::vector<Event>& events() const { return events_; }
  const std::vector<Slice>& slices() const { return slices_; }
  int clock() const { return clock_; }

  // The name of the group that the track is in.
  std::string group(uint64_t track) const {
    auto at = tracks_.find(track);
    if (at == tracks_.end()) return "";
    auto parent = tracks_.find(at->second.parent);
    return parent != tracks_.end() ? parent->second.name : "";
  }
  // Whether a track of that name is above the track, however far.
  bool is_below(uint64_t track, std::string_view name) const {
    for (auto at = tracks_.find(track); at != tracks_.end(); at = tracks_.find(at->second.parent))
      if (at->second.name == name) return true;
    return false;
  }
  // The only track of that name. 0: none.
  uint64_t track(std::string_view name) const {
    for (const auto& [uuid, track] : tracks_)
      if (track.name == name) return uuid;
    return 0;
  }
  size_t count(std::string_view track_name, std::string_view name, int type) const {
    return static_cast<size_t>(std::ranges::count_if(events_, [&](const Event& event) {
      return event.type == type && event.name == name && tracks_.at(event.track).name == track_name;
    }));
  }
  std::vector<std::string> names_on(std::string_view track_name) const {
    std::vector<std::string> names;
    for (const Event& event : events_)
      if ((event.type == 1 || event.type == 3) && tracks_.at(event.track).name == track_name)
        names.push_back(event.name);
    return names;
  }
  int64_t last_value(std::string_view track_name) const {
    int64_t value = 0;
    for (const Event& event : events_)
      if (event.type == 4 && tracks_.at(event.track).name == track_name) value = event.value;
    return value;
  }

 private:
  void read_packet(std::string_view text) {
    Event event;
    bool has_event = false;
    std::string_view body;
    for (ProtoFields packet(text); packet.next();) {
      if (packet.field == 8) event.time_ns = packet.number;
      if (packet.field == 59) read_defaults(packet.bytes);
      if (packet.field == 60) read_track(packet.bytes);
      if (packet.field == 12) read_interned(packet.bytes);
      if (packet.field != 11) continue;
      body = packet.bytes;
      has_event = true;
    }
    if (!has_event) return;
    read_event(body, &event);
    EXPECT_TRUE(tracks_.contains(event.track)) << "an event on a track that is not described";
    EXPECT_EQ(tracks_[event.track].counter, event.type == 4);
    event.place = events_.size();
    events_.push_back(std::move(event));
  }

  void read_defaults(std::string_view text) {
    for (ProtoFields defaults(text); defaults.next();)
      if (defaults.field == 58) clock_ = static_cast<int>(defaults.number);
  }

  void read_track(std::string_view text) {
    uint64_t uuid = 0;
    Track track;
    for (ProtoFields descriptor(text); descriptor.next();) {
      if (descriptor.field == 1) uuid = descriptor.number;
      if (descriptor.field == 2) track.name = descriptor.bytes;
      if (descriptor.field == 5) track.parent = descriptor.number;
      if (descriptor.field == 8) track.counter = true;
    }
    EXPECT_NE(uuid, 0u);
    EXPECT_TRUE(track.parent == 0 || tracks_.contains(track.parent)) << track.name;
    EXPECT_TRUE(tracks_.emplace(uuid, track).second) << track.name << " is described twice";
  }

  void read_interned(std::string_view text) {
    for (ProtoFields interned(text); interned.next();) {
      uint64_t iid = 0;
      std::string name;
      for (ProtoFields entry(interned.bytes); entry.next();) {
        if (entry.field == 1) iid = entry.number;
        if (entry.field == 2) name = entry.bytes;
      }
      EXPECT_TRUE((interned.field == 2 ? names_ : annotations_).emplace(iid, name).second);
    }
  }

  void read_event(std::string_view text, Event* event) {
    for (ProtoFields body(text); body.next();) {
      if (body.field == 9) event->type = static_cast<int>(body.number);
      if (body.field == 11) event->track = body.number;
      if (body.field == 30) event->value = static_cast<int64_t>(body.number);
      if (body.field == 47) event->flows_out.push_back(body.number);
      if (body.field == 48) event->flows_in.push_back(body.number);
      if (body.field == 4) read_annotation(body.bytes, event);
      if (body.field != 10) continue;
      EXPECT_TRUE(names_.contains(body.number)) << "a name that was not given";
      event->name = names_[body.number];
    }
  }

  void read_annotation(std::string_view text, Event* event) {
    std::string name;
    uint64_t number = 0;
    for (ProtoFields annotation(text); annotation.next();) {
      if (annotation.field == 1) name = annotations_[annotation.number];
      if (annotation.field == 3) number = annotation.number;
    }
    EXPECT_FALSE(name.empty());
    event->numbers[name] = number;
  }

  // Every begin has an end, and the other way round.
  void pair_slices() {
    std::map<uint64_t, std::vector<size_t>> open;
    for (const Event& event : events_) {
      std::vector<size_t>& stack = open[event.track];
      if (event.type == 1) {
        slices_.push_back({event.track, event.name, event.time_ns, 0, stack.size()});
        stack.push_back(slices_.size() - 1);
      } else if (event.type == 2) {
        EXPECT_FALSE(stack.empty()) << "an end without a begin on " << tracks_[event.track].name;
        if (stack.empty()) continue;
        slices_[stack.back()].end_ns = event.time_ns;
        stack.pop_back();
      }
    }
    for (const auto& [track, stack] : open)
      EXPECT_TRUE(stack.empty()) << "a begin without an end on " << tracks_[track].name;
  }

  // Every flow leads from one event to one later event.
  void check_flows() {
    std::map<uint64_t, int> ends;
    for (const Event& event : events_) {
      for (uint64_t flow : event.flows_out) EXPECT_EQ(++ends[flow], 1) << "begins twice";
      for (uint64_t flow : event.flows_in) EXPECT_EQ(++ends[flow], 2) << "ends before it begins";
    }
    for (auto [flow, count] : ends) EXPECT_EQ(count, 2) << "has one end only";
  }

  std::map<uint64_t, Track> tracks_;
  std::map<uint64_t, std::string> names_;
  std::map<uint64_t, std::string> annotations_;
  std::vector<Event> events_;
  std::vector<Slice> slices_;
  int clock_ = 0;
};

}  // namespace sluice::debug::internal
