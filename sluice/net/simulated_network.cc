// SPDX-License-Identifier: Apache-2.0

#include "sluice/net/simulated_network.h"

#include <cerrno>

#include "sluice/base/error.h"
#include "sluice/net/internal/simulated_world.h"

namespace sluice::net {
namespace {

using internal::simulated::Entry;
using internal::simulated::Socket;
using internal::simulated::World;

// Tells netpoll what becomes ready.
class Source final : public runtime::DescriptorSource {
 public:
  Result<void> watch(int fd, uint64_t tag) override {
    Entry entry(Entry::From::elsewhere);
    Socket* socket = entry.find(fd);
    if (socket == nullptr) return errno_error(EBADF, "watch a simulated socket");
    entry.world()->watch(*socket, tag);
    return {};
  }
  void unwatch(int fd) override {
    Entry entry(Entry::From::elsewhere);
    if (Socket* socket = entry.find(fd)) socket->watched = false;
  }
};

constinit Source source;

}  // namespace

NetworkFaults NetworkFaults::rough() {
  return {.latency_spike = 10'000,
          .loss = 5'000,
          .reset = 500,
          .partition = 100,
          .connect_refused = 10'000,
          .connect_timeout = 2'000,
          .slow_reader = 2'000,
          .accept_shortage = 10'000,
          .short_read = 50'000,
          .short_write = 50'000};
}

SimulatedNetwork::SimulatedNetwork(NetworkFaults faults, runtime::Simulation* decisions)
    : world_(std::make_unique<World>(faults, decisions)) {
  runtime::set_descriptor_source(&source);
  internal::simulated::install(world_.get());
}

SimulatedNetwork::~SimulatedNetwork() {
  {
    Entry entry(Entry::From::elsewhere);
    entry.world()->report_all();
    entry.retire();
  }
  runtime::set_descriptor_source(nullptr);
}

void SimulatedNetwork::name(std::string_view name, std::string_view ip) {
  Entry entry(Entry::From::elsewhere);
  world_->name(name, ip);
}

void SimulatedNetwork::partition(std::string_view host, Duration duration) {
  Entry entry(Entry::From::elsewhere);
  world_->partition(host, duration);
}

void SimulatedNetwork::heal(std::string_view host) {
  Entry entry(Entry::From::elsewhere);
  world_->heal(host);
}

void SimulatedNetwork::set_faults(const NetworkFaults& faults) {
  Entry entry(Entry::From::elsewhere);
  world_->faults = faults;
}

NetworkCounts SimulatedNetwork::counts() const {
  Entry entry(Entry::From::elsewhere);
  return world_->counts;
}

}  // namespace sluice::net
