// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/base/result.h"

namespace sluice::json {

namespace internal {
struct Document;
}  // namespace internal

// Integers stay integers: int64 when they fit it, uint64 above it, real when written with a
// fraction or an exponent. Integers beyond uint64 are not accepted.
enum class Kind : uint8_t { null, boolean, int64, uint64, real, string, array, object };

// "a string", "an object", ...: for messages.
std::string_view name_of(Kind kind);

struct Member;
class Elements;
class Members;

// One value of a parsed document, immutable. A Value keeps its whole document alive; copying it is
// one reference count. The string_views that it gives live as long as any Value of the document.
//
//   json::Value body = SLUICE_TRY(json::parse(text));
//   std::string_view currency = SLUICE_TRY(body.get_string("currency"));
//   for (json::Value item : SLUICE_TRY(body.get_array("items")).elements()) ...
//
// Errors of the getters are invalid_argument and name the path and what was expected there:
// "items[3].amount: expected an integer, found a string", "currency: missing".
// Thread-safety: as an int; Values of one document may be used by several threads.
class Value {
 public:
  Value() noexcept = default;  // null
  Value(const Value& other) noexcept;
  Value(Value&& other) noexcept
      : document_(std::exchange(other.document_, nullptr)), node_(std::exchange(other.node_, 0)) {}
  Value& operator=(Value other) noexcept {
    std::swap(document_, other.document_);
    std::swap(node_, other.node_);
    return *this;
  }
  ~Value();

  Kind kind() const;
  bool is_null() const { return kind() == Kind::null; }

  // This value, when it is of that type. as_int64 and as_uint64 take every integer that fits;
  // as_double takes every number.
  Result<bool> as_bool() const;
  Result<int64_t> as_int64() const;
  Result<uint64_t> as_uint64() const;
  Result<double> as_double() const;
  Result<std::string_view> as_string() const;

  // The member of that name of an object, when it is of that type.
  Result<Value> get(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  Result<int64_t> get_int64(std::string_view key) const;
  Result<uint64_t> get_uint64(std::string_view key) const;
  Result<double> get_double(std::string_view key) const;
  Result<std::string_view> get_string(std::string_view key) const;
  Result<Value> get_array(std::string_view key) const;
  Result<Value> get_object(std::string_view key) const;

  // The member of that name, for one that may be missing. Linear in the members.
  std::optional<Value> find(std::string_view key) const;

  // The elements of an array; the members of an object, in the document's order. Of any other kind:
  // none. They hold this value's document.
  Elements elements() const;
  Members members() const;

  // How many elements or members there are; 0 for other kinds.
  size_t size() const;

  // Where this value is in its document: "items[3].amount"; the root is "document".
  std::string path() const;

 private:
  friend class Elements;
  friend class Members;
  friend Result<Value> parse(std::string_view text, struct ParseOptions options);

  // Takes over one reference to the document.
  Value(const internal::Document* document, uint32_t node) : document_(document), node_(node) {}
  Value child(uint32_t node) const;
  Error mismatch(std::string_view expected) const;
  Result<Value> get_kind(std::string_view key, Kind kind) const;

  const internal::Document* document_ = nullptr;
  uint32_t node_ = 0;
};

struct Member {
  std::string_view key;
  Value value;
};

// The ranges of elements() and members(): for range-for.
class Elements {
 public:
  class Iterator {
   public:
    Value operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return node_ == other.node_; }

   private:
    friend class Elements;
    Iterator(const Value* parent, uint32_t node) : parent_(parent), node_(node) {}
    const Value* parent_;
    uint32_t node_;
  };

  Iterator begin() const;
  Iterator end() const;

 private:
  friend class Value;
  explicit Elements(Value parent) : parent_(std::move(parent)) {}
  Value parent_;
};

class Members {
 public:
  class Iterator {
   public:
    Member operator*() const;
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return node_ == other.node_; }

   private:
    friend class Members;
    Iterator(const Value* parent, uint32_t node) : parent_(parent), node_(node) {}
    const Value* parent_;
    uint32_t node_;
  };

  Iterator begin() const;
  Iterator end() const;

 private:
  friend class Value;
  explicit Members(Value parent) : parent_(std::move(parent)) {}
  Value parent_;
};

struct ParseOptions {
  uint32_t depth_max = 64;  // arrays and objects inside each other; at most 1000
};

// Parses one JSON document, strictly by RFC 8259: UTF-8 without a BOM, no comments, no trailing
// commas, nothing behind the value; and no key twice in one object, since readers would disagree
// about its meaning.
// Errors: invalid_argument, naming the byte offset of a syntax error or the path of a double key.
Result<Value> parse(std::string_view text, ParseOptions options = {});

}  // namespace sluice::json
