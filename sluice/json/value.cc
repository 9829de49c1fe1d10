// SPDX-License-Identifier: Apache-2.0

#include "sluice/json/value.h"

#include <limits>

#include "sluice/json/internal/document.h"
#include "sluice/json/writer.h"

namespace sluice::json {
namespace internal {
namespace {

bool is_plain_name(std::string_view key) {
  if (key.empty() || key.size() > 64) return false;
  for (const char c : key)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
          c == '-'))
      return false;
  return true;
}

// Adds a key to a path: .name, or ["..."] escaped and cut, since a sender chooses it.
void append_key(std::string& path, std::string_view key) {
  if (is_plain_name(key)) {
    if (!path.empty()) path += '.';
    path += key;
    return;
  }
  constexpr size_t shown_bytes_max = 64;
  std::string quoted;
  Writer(quoted).value(key.substr(0, shown_bytes_max));
  path += '[';
  path += quoted;
  path += key.size() > shown_bytes_max ? "...]" : "]";
}

void append_path(std::string& path, const Document& document, uint32_t node) {
  if (node == 0) return;
  const uint32_t parent = document.nodes[node].parent;
  append_path(path, document, parent);
  if (document.nodes[parent].kind == Kind::object)
    return append_key(path, document.view(document.nodes[node].key));
  uint32_t position = 0;
  for (uint32_t i = parent + 1; i != node; i = document.nodes[i].end) ++position;
  path += '[';
  path += std::to_string(position);
  path += ']';
}

}  // namespace

std::string path_of(const Document& document, uint32_t node) {
  if (node == 0) return "document";
  std::string path;
  append_path(path, document, node);
  return path;
}

}  // namespace internal

using internal::Document;
using internal::Node;

namespace {

constexpr Node null_node{};

const Node& node_of(const Document* document, uint32_t node) {
  return document == nullptr ? null_node : document->nodes[node];
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::int64:
    case Kind::uint64:
      return "an integer";
    case Kind::real:
      return "a number with a fraction or exponent";
    case Kind::string:
      return "a string";
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
  }
  return "nothing";
}

Value::Value(const Value& other) noexcept : document_(other.document_), node_(other.node_) {
  // Relaxed: who copies holds a reference already.
  if (document_ != nullptr) document_->references.fetch_add(1, std::memory_order_relaxed);
}

Value::~Value() {
  // Acquire and release pair with each other: whoever frees sees that the other holders are done.
  if (document_ != nullptr && document_->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete document_;
}

Value Value::child(uint32_t node) const {
  Value copy(*this);
  copy.node_ = node;
  return copy;
}

Kind Value::kind() const { return node_of(document_, node_).kind; }
size_t Value::size() const { return node_of(document_, node_).count; }

std::string Value::path() const {
  return document_ == nullptr ? "document" : internal::path_of(*document_, node_);
}

Error Value::mismatch(std::string_view expected) const {
  std::string message = path();
  message += ": expected ";
  message += expected;
  message += ", found ";
  message += name_of(kind());
  return Error(Code::invalid_argument, std::move(message));
}

Result<bool> Value::as_bool() const {
  if (kind() != Kind::boolean) return mismatch("a boolean");
  return document_->nodes[node_].boolean;
}

Result<int64_t> Value::as_int64() const {
  if (kind() == Kind::int64) return document_->nodes[node_].int64;
  if (kind() != Kind::uint64) return mismatch("an integer");
  return Error(Code::invalid_argument, path() + ": an integer above 9223372036854775807");
}

Result<uint64_t> Value::as_uint64() const {
  if (kind() == Kind::uint64) return document_->nodes[node_].uint64;
  if (kind() != Kind::int64) return mismatch("an integer");
  const int64_t number = document_->nodes[node_].int64;
  if (number >= 0) return static_cast<uint64_t>(number);
  return Error(Code::invalid_argument, path() + ": a negative integer");
}

Result<double> Value::as_double() const {
  if (kind() == Kind::real) return document_->nodes[node_].real;
  if (kind() == Kind::int64) return static_cast<double>(document_->nodes[node_].int64);
  if (kind() == Kind::uint64) return static_cast<double>(document_->nodes[node_].uint64);
  return mismatch("a number");
}

Result<std::string_view> Value::as_string() const {
  if (kind() != Kind::string) return mismatch("a string");
  return document_->view(document_->nodes[node_].string);
}

std::optional<Value> Value::find(std::string_view key) const {
  if (kind() != Kind::object) return std::nullopt;
  for (uint32_t i = node_ + 1; i != document_->nodes[node_].end; i = document_->nodes[i].end)
    if (document_->view(document_->nodes[i].key) == key) return child(i);
  return std::nullopt;
}

Result<Value> Value::get(std::string_view key) const {
  if (kind() != Kind::object) return mismatch("an object");
  if (std::optional<Value> member = find(key)) return *std::move(member);
  std::string where = node_ == 0 ? "" : path();
  internal::append_key(where, key);
  return Error(Code::invalid_argument, std::move(where) + ": missing");
}

Result<bool> Value::get_bool(std::string_view key) const { return SLUICE_TRY(get(key)).as_bool(); }
Result<int64_t> Value::get_int64(std::string_view key) const {
  return SLUICE_TRY(get(key)).as_int64();
}
Result<uint64_t> Value::get_uint64(std::string_view key) const {
  return SLUICE_TRY(get(key)).as_uint64();
}
Result<double> Value::get_double(std::string_view key) const {
  return SLUICE_TRY(get(key)).as_double();
}
Result<std::string_view> Value::get_string(std::string_view key) const {
  return SLUICE_TRY(get(key)).as_string();
}

Result<Value> Value::get_kind(std::string_view key, Kind kind) const {
  Value member = SLUICE_TRY(get(key));
  if (member.kind() != kind) return member.mismatch(name_of(kind));
  return member;
}
Result<Value> Value::get_array(std::string_view key) const { return get_kind(key, Kind::array); }
Result<Value> Value::get_object(std::string_view key) const { return get_kind(key, Kind::object); }

Elements Value::elements() const { return Elements(kind() == Kind::array ? *this : Value()); }
Members Value::members() const { return Members(kind() == Kind::object ? *this : Value()); }

Elements::Iterator Elements::begin() const {
  return Iterator(&parent_, parent_.document_ == nullptr ? 0 : parent_.node_ + 1);
}
Elements::Iterator Elements::end() const {
  return Iterator(&parent_, node_of(parent_.document_, parent_.node_).end);
}
Value Elements::Iterator::operator*() const { return parent_->child(node_); }
Elements::Iterator& Elements::Iterator::operator++() {
  node_ = parent_->document_->nodes[node_].end;
  return *this;
}

Members::Iterator Members::begin() const {
  return Iterator(&parent_, parent_.document_ == nullptr ? 0 : parent_.node_ + 1);
}
Members::Iterator Members::end() const {
  return Iterator(&parent_, node_of(parent_.document_, parent_.node_).end);
}
Member Members::Iterator::operator*() const {
  const Document& document = *parent_->document_;
  return {document.view(document.nodes[node_].key), parent_->child(node_)};
}
Members::Iterator& Members::Iterator::operator++() {
  node_ = parent_->document_->nodes[node_].end;
  return *this;
}

}  // namespace sluice::json
