// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

namespace sluice::runtime {

// A list of stack slots, from the one put in last to the one put in first, linked through entries
// that lie beside the stacks: pushing and popping cannot fail, and touches no stack.
struct SlotList {
  static constexpr uint32_t none = UINT32_MAX;
  struct Link {
    uint32_t newer;
    uint32_t older;
  };

  uint32_t newest = none;
  uint32_t oldest = none;
  uint32_t count = 0;

  // `links(slot)` -> Link&, in all of these.
  template <class Links>
  void push(Links links, uint32_t slot) {
    links(slot) = {none, newest};
    (newest == none ? oldest : links(newest).newer) = slot;
    newest = slot;
    ++count;
  }
  // Not of an empty list.
  template <class Links>
  uint32_t pop_newest(Links links) {
    uint32_t slot = newest;
    newest = links(slot).older;
    (newest == none ? oldest : links(newest).newer) = none;
    --count;
    return slot;
  }
  template <class Links>
  uint32_t pop_oldest(Links links) {
    uint32_t slot = oldest;
    oldest = links(slot).newer;
    (oldest == none ? newest : links(oldest).older) = none;
    --count;
    return slot;
  }
};

}  // namespace sluice::runtime
