// SPDX-License-Identifier: Apache-2.0

// What a simulated network decides: how long things take, how they are cut, and what fails.

#include <netdb.h>

#include <algorithm>
#include <limits>

#include "sluice/base/assert.h"
#include "sluice/net/internal/simulated_world.h"

namespace sluice::net::internal::simulated {
namespace {

using namespace std::chrono_literals;
using runtime::Decision;

// From one rack to the other side of the world.
constexpr Duration latencies[] = {50us, 60us, 80us, 100us, 150us, 200us, 300us, 500us,
                                  1ms,  2ms,  3ms,  5ms,   8ms,   15ms,  30ms,  80ms};
constexpr Duration spikes[] = {50ms, 100ms, 200ms, 400ms, 700ms, 1s};
constexpr Duration partitions[] = {300ms, 1s, 3s, 10s, 30s, 100s};
constexpr Duration slow_times[] = {10ms, 50ms, 200ms, 1s, 3s};
constexpr size_t segment_bytes = 1448;  // TCP's on Ethernet, with time stamps
constexpr size_t slow_window_max = 16;
constexpr int losses_max = 10;  // in a row; the last pause is then 102 s

std::string text_of(Duration duration) {
  if (duration >= 1s) return std::to_string(duration / 1s) + " s";
  return std::to_string(duration / 1ms) + " ms";
}

}  // namespace

runtime::Simulation* World::decisions() const {
  return decisions_ != nullptr ? decisions_ : runtime::simulation();
}

uint32_t World::choose(Decision kind, size_t count) {
  runtime::Simulation* simulation = decisions();
  return simulation == nullptr ? 0 : simulation->choose(kind, static_cast<uint32_t>(count));
}

bool World::happens(uint32_t per_million, uint64_t& counter) {
  if (per_million == 0) return false;
  runtime::Simulation* simulation = decisions();
  if (simulation == nullptr || !simulation->happens(Decision::fault, per_million)) return false;
  ++counter;
  return true;
}

Duration World::latency(const Socket& socket) {
  Duration duration = latencies[choose(Decision::latency, std::size(latencies))];
  if (!socket.is_unix() && happens(faults.latency_spike, counts.latency_spikes)) {
    Duration more = spikes[choose(Decision::latency, std::size(spikes))];
    note([&] { return socket.label + ": a latency of " + text_of(more); });
    duration += more;
  }
  return duration;
}

// Most are left whole, as one-byte segments alone would make a simulation slow.
size_t World::cut(size_t bytes) {
  if (bytes == 1) return 1;
  switch (choose(Decision::pick, 8)) {
    case 5:
      return 1;
    case 6:
      return (bytes + 1) / 2;
    case 7:
      return std::min(bytes, segment_bytes);
    default:
      return bytes;
  }
}

Duration World::lost_time(const Socket& from, const Socket& to) {
  Duration time{};
  if (from.is_unix()) return time;
  Duration pause = retransmission_min;
  for (int i = 0; i < losses_max && happens(faults.loss, counts.losses); ++i) {
    note([&] { return way(from, to) + ": lost, again in " + text_of(pause); });
    time += pause;
    pause = std::min(pause * 2, retransmission_max);
  }
  return time;
}

void World::maybe_partition(const Socket& from, const Socket& to) {
  if (from.is_unix() || from.local.host() == to.local.host()) return;
  if (!happens(faults.partition, counts.partitions)) return;
  --counts.partitions;  // isolate() counts
  const Socket& victim = choose(Decision::fault, 2) == 0 ? to : from;
  isolate(victim.local.host(), partitions[choose(Decision::fault, std::size(partitions))]);
}

void World::maybe_slow(Socket& reader) {
  if (!happens(faults.slow_reader, counts.slow_readers)) return;
  reader.inbox.window = 1 + choose(Decision::fault, slow_window_max);
  Duration time = slow_times[choose(Decision::fault, std::size(slow_times))];
  reader.inbox.window_opens = now() + time;
  note([&] { return reader.label + ": reads slowly for " + text_of(time); });
  rearm(reader);
}

bool World::passes(const Socket& from, const Address& to) const {
  if (isolated_.empty() || from.is_unix()) return true;
  std::string hosts[] = {from.local.host(), to.host()};
  if (hosts[0] == hosts[1]) return true;
  Instant moment = now();
  return std::none_of(std::begin(hosts), std::end(hosts), [&](const std::string& host) {
    auto found = isolated_.find(host);
    return found != isolated_.end() && moment < found->second;
  });
}

void World::name(std::string_view name, std::string_view ip) {
  Address address = Address::from_ip(ip, 0);
  SLUICE_ASSERT(address.family() != Address::Family::none, "a name's address is no IP literal");
  names_[std::string(name)].push_back(address.host());
}

Result<std::vector<Address>> World::look_up(std::string_view host, uint16_t port) const {
  std::vector<Address> found;
  if (Address literal = Address::from_ip(host, port); literal.family() != Address::Family::none)
    found.push_back(std::move(literal));
  else if (auto known = names_.find(host); known != names_.end())
    for (const std::string& ip : known->second) found.push_back(Address::from_ip(ip, port));
  if (!found.empty()) return found;
  return Error(Code::not_found, "look up " + std::string(host) + ": " + ::gai_strerror(EAI_NONAME));
}

std::vector<std::string> World::hosts_of(std::string_view host) const {
  Result<std::vector<Address>> found = look_up(host, 0);
  SLUICE_ASSERT(found.has_value(), "a partition of a host that has neither address nor name");
  std::vector<std::string> hosts;
  for (const Address& address : *found) hosts.push_back(address.host());
  return hosts;
}

void World::partition(std::string_view host, Duration duration) {
  for (const std::string& each : hosts_of(host)) isolate(each, duration);
}

void World::isolate(const std::string& host, Duration duration) {
  ++counts.partitions;
  for (auto& [id, socket] : sockets_) {
    bool crosses = (socket->local.host() == host) != (socket->remote.host() == host);
    if (!crosses || socket->is_unix() || socket->state != Socket::State::connected) continue;
    if (!passes(*socket, socket->remote)) continue;  // the probes have begun
    socket->probes_end = now() + keep_alive_time;
    rearm(*socket);
  }
  bool for_ever = duration == Duration::max();
  isolated_[host] = for_ever ? Instant::max() : now() + duration;
  note([&] {
    return "partition of " + host + (for_ever ? std::string() : " for " + text_of(duration));
  });
}

void World::heal(std::string_view host) {
  for (const std::string& each : hosts_of(host))
    if (isolated_.erase(each) > 0) note([&] { return each + " is reachable again"; });
}

}  // namespace sluice::net::internal::simulated
