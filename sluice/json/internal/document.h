// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/json/value.h"

namespace sluice::json::internal {

// A piece of Document::text.
struct Text {
  uint32_t begin;
  uint32_t size;
};

// A value of the document. The nodes lie in the order of the text: the children of a node follow
// it, each with its own subtree behind it.
struct Node {
  Kind kind = Kind::null;
  uint32_t parent = 0;  // the root is its own
  uint32_t end = 0;     // one behind the subtree: where the next sibling is
  uint32_t count = 0;   // children of an array or object
  Text key{};           // its name, when the parent is an object
  union {
    int64_t int64 = 0;
    uint64_t uint64;
    double real;
    bool boolean;
    Text string;
  };
};

// All values of one parsed text, immutable once parse() has returned it.
struct Document {
  mutable std::atomic<uint32_t> references{1};
  std::vector<Node> nodes;  // [0] is the root
  std::string text;         // all keys and strings, unescaped

  std::string_view view(Text piece) const { return {text.data() + piece.begin, piece.size}; }
};

// "a.b[3]" for a node; "document" for the root.
std::string path_of(const Document& document, uint32_t node);

}  // namespace sluice::json::internal
