// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/base/code.h"

namespace sluice::internal {

// One address per type, in the whole process: a type's identity without RTTI.
template <class T>
inline constexpr char type_id = 0;

// What an Error points at: one link of the chain, immutable once an Error holds it.
struct ErrorRep {
  enum class Kind : uint8_t {
    message,  // a link of the chain: a message of its own, perhaps a cause
    detail,   // not a link: it lays a detail over the link `below`, whose message it shows
  };

  uint32_t references = 1;  // atomic access only; not counted in a sentinel
  Code code = Code::unknown;
  Kind kind = Kind::message;
  const char* detail_type = nullptr;   // &type_id<T>, when kind is detail
  const void* detail_value = nullptr;  // the T inside the derived DetailRep<T>
  std::string_view message;
  uintptr_t below = 0;  // an Error's word that this rep owns, or 0: the cause, or what is decorated
  void (*destroy)(ErrorRep*) = nullptr;  // frees the derived object, `below` excepted
};

// An Error's word is the address of a rep; with this bit, of a sentinel's, which is not counted.
inline constexpr uintptr_t sentinel_bit = 1;

template <class T>
struct DetailRep : ErrorRep {
  explicit DetailRep(T value) : value(static_cast<T&&>(value)) {
    kind = Kind::detail;
    detail_type = &type_id<T>;
    detail_value = &this->value;
    destroy = [](ErrorRep* rep) { delete static_cast<DetailRep*>(rep); };
  }

  T value;
};

void retain(uintptr_t word) noexcept;   // one reference more; the word is a counted rep's
void release(uintptr_t word) noexcept;  // one less; the last one frees the chain, without recursion

}  // namespace sluice::internal
