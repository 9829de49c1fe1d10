// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include <simdjson.h>

#include "sluice/base/assert.h"
#include "sluice/base/defer.h"
#include "sluice/json/internal/document.h"
#include "sluice/json/internal/fault.h"
#include "sluice/json/value.h"

namespace sluice::json {
namespace {

using internal::Document;
using internal::Node;
using internal::Text;
using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr size_t text_bytes_max = std::numeric_limits<uint32_t>::max();  // simdjson's own limit
constexpr uint32_t depth_max_max = 1000;  // build() recurses, on a goroutine's stack
// A parser keeps the memory of its largest text; above this many bytes it does not stay.
constexpr size_t parser_kept_bytes_max = 1 << 20;

// Copies what simdjson has parsed into a Document.
class Builder {
 public:
  Builder(Document& document, uint32_t depth_max) : document_(document), depth_max_(depth_max) {}

  // Whether something lay deeper than depth_max: simdjson does not count an empty innermost pair.
  bool too_deep() const { return too_deep_; }

  // Adds `value`, which lies in `depth` arrays and objects, and what is in it.
  void build(const element& value, uint32_t depth, uint32_t parent, Text key) {
    const auto index = static_cast<uint32_t>(document_.nodes.size());
    Node node;
    node.parent = parent;
    node.key = key;
    fill_scalar(node, value);
    document_.nodes.push_back(node);
    const bool is_nest = node.kind == Kind::array || node.kind == Kind::object;
    if (is_nest && depth == depth_max_) too_deep_ = true;
    uint32_t count = 0;
    if (node.kind == Kind::array) {
      const simdjson::dom::array elements = value.get_array().value_unsafe();
      for (const element child : elements) {
        build(child, depth + 1, index, {});
        ++count;
      }
    } else if (node.kind == Kind::object) {
      const simdjson::dom::object members = value.get_object().value_unsafe();
      for (const auto& [child_key, child] : members) {
        build(child, depth + 1, index, add(child_key));
        ++count;
      }
    }
    document_.nodes[index].count = count;
    document_.nodes[index].end = static_cast<uint32_t>(document_.nodes.size());
  }

 private:
  Text add(std::string_view text) {
    const Text piece{static_cast<uint32_t>(document_.text.size()),
                     static_cast<uint32_t>(text.size())};
    document_.text += text;
    return piece;
  }

  void fill_scalar(Node& node, const element& value) {
    switch (value.type()) {
      case element_type::ARRAY:
        node.kind = Kind::array;
        break;
      case element_type::OBJECT:
        node.kind = Kind::object;
        break;
      case element_type::INT64:
        node.kind = Kind::int64;
        node.int64 = value.get_int64().value_unsafe();
        break;
      case element_type::UINT64:
        node.kind = Kind::uint64;
        node.uint64 = value.get_uint64().value_unsafe();
        break;
      case element_type::DOUBLE:
        node.kind = Kind::real;
        node.real = value.get_double().value_unsafe();
        break;
      case element_type::STRING:
        node.kind = Kind::string;
        node.string = add(value.get_string().value_unsafe());
        break;
      case element_type::BOOL:
        node.kind = Kind::boolean;
        node.boolean = value.get_bool().value_unsafe();
        break;
      case element_type::NULL_VALUE:
        node.kind = Kind::null;
        break;
    }
  }

  Document& document_;
  const uint32_t depth_max_;
  bool too_deep_ = false;
};

// A member whose name an earlier member of the same object has, or 0: no member is the root.
uint32_t find_double_key(const Document& document) {
  std::vector<std::pair<std::string_view, uint32_t>> keys;
  for (uint32_t object = 0; object < document.nodes.size(); ++object) {
    const Node& node = document.nodes[object];
    if (node.kind != Kind::object || node.count < 2) continue;
    keys.clear();
    for (uint32_t child = object + 1; child != node.end; child = document.nodes[child].end)
      keys.emplace_back(document.view(document.nodes[child].key), child);
    // Sorted, not compared each with each: the sender chooses how many there are.
    std::sort(keys.begin(), keys.end());
    for (size_t i = 1; i < keys.size(); ++i)
      if (keys[i].first == keys[i - 1].first) return keys[i].second;
  }
  return 0;
}

Error syntax_error(std::string_view text, uint32_t depth_max, simdjson::error_code code) {
  if (code == simdjson::MEMALLOC) return Error(Code::resource_exhausted, "JSON: out of memory");
  std::string message = "JSON: ";
  if (const auto fault = internal::find_fault(text, depth_max)) {
    message += fault->what;
    message += " at byte ";
    message += std::to_string(fault->offset);
  } else {
    message += simdjson::error_message(code);
  }
  return Error(Code::invalid_argument, std::move(message));
}

}  // namespace

Result<Value> parse(std::string_view text, ParseOptions options) {
  SLUICE_ASSERT(options.depth_max <= depth_max_max, "ParseOptions::depth_max is at most 1000");
  if (text.size() >= text_bytes_max) return Error(Code::invalid_argument, "JSON: 4 GiB or more");
  // Nothing below parks, so the thread's own parser stays this call's own.
  static thread_local simdjson::dom::parser parser;
  Defer shrink{[] {
    if (parser.capacity() > parser_kept_bytes_max) parser = simdjson::dom::parser();
  }};
  simdjson::error_code code = simdjson::SUCCESS;
  // simdjson counts a scalar inside of the brackets as one level more.
  if (parser.max_depth() != options.depth_max + 1 || parser.capacity() < text.size())
    code = parser.allocate(std::max<size_t>(text.size(), 4096), options.depth_max + 1);
  element root;
  if (code == simdjson::SUCCESS) code = parser.parse(text.data(), text.size()).get(root);
  if (code != simdjson::SUCCESS) return syntax_error(text, options.depth_max, code);

  auto document = std::make_unique<Document>();
  Builder builder(*document, options.depth_max);
  builder.build(root, 0, 0, {});
  if (builder.too_deep()) return syntax_error(text, options.depth_max, simdjson::DEPTH_ERROR);
  if (const uint32_t member = find_double_key(*document))
    return Error(Code::invalid_argument,
                 "JSON: " + internal::path_of(*document, member) + ": the key is there twice");
  return Value(document.release(), 0);
}

}  // namespace sluice::json
