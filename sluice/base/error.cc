// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/error.h"

#include <atomic>

#include "sluice/base/assert.h"

namespace sluice {
namespace internal {
namespace {

// A rep that owns its text.
struct MessageRep : ErrorRep {
  MessageRep(Code code_of_link, std::string text_of_link) : text(std::move(text_of_link)) {
    code = code_of_link;
    message = text.empty() ? info(code).name : std::string_view(text);
    destroy = [](ErrorRep* rep) { delete static_cast<MessageRep*>(rep); };
  }

  const std::string text;
};

ErrorRep* rep_of(uintptr_t word) { return reinterpret_cast<ErrorRep*>(word); }

std::atomic_ref<uint32_t> references(uintptr_t word) {
  return std::atomic_ref<uint32_t>(rep_of(word)->references);
}

}  // namespace

void retain(uintptr_t word) noexcept {
  // Relaxed: who copies holds a reference already.
  references(word).fetch_add(1, std::memory_order_relaxed);
}

void release(uintptr_t word) noexcept {
  // A loop, since a chain may be longer than a goroutine's stack is deep.
  while (word != 0 && !(word & sentinel_bit)) {
    // Acquire and release pair with each other: the last holder sees what the others did, then
    // frees.
    if (references(word).fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    ErrorRep* rep = rep_of(word);
    word = rep->below;
    rep->destroy(rep);
  }
}

}  // namespace internal

using internal::ErrorRep;

namespace {

// The word below a rep, seen as the Error it is.
const Error* below(const ErrorRep& rep) {
  static_assert(sizeof(Error) == sizeof(rep.below));
  return rep.below == 0 ? nullptr : reinterpret_cast<const Error*>(&rep.below);
}

}  // namespace

Error::Error(Code code, std::string message) {
  SLUICE_ASSERT(code != Code::ok, "an Error with Code::ok");
  word_ = reinterpret_cast<uintptr_t>(new internal::MessageRep(code, std::move(message)));
}

const Error* Error::cause() const noexcept {
  const ErrorRep* link = &rep();
  while (link->kind == ErrorRep::Kind::detail) link = &below(*link)->rep();
  return below(*link);
}

const void* Error::find_detail(const char* type) const noexcept {
  for (const ErrorRep* layer = &rep(); layer->kind == ErrorRep::Kind::detail;
       layer = &below(*layer)->rep())
    if (layer->detail_type == type) return layer->detail_value;
  return nullptr;
}

std::string Error::to_string() const {
  std::string text(message());
  for (const Error* link = cause(); link != nullptr; link = link->cause()) {
    text += ": ";
    text += link->message();
  }
  return text;
}

Error Error::decorate(ErrorRep* detail) const {
  detail->code = code();
  detail->message = message();
  retain();
  detail->below = word_;
  Error decorated{None{}};
  decorated.word_ = reinterpret_cast<uintptr_t>(detail);
  return decorated;
}

Error wrap(Error cause, Code code, std::string message) {
  Error link(code, std::move(message));
  reinterpret_cast<ErrorRep*>(link.word_)->below = std::exchange(cause.word_, Error::moved_from());
  return link;
}

Error wrap(Error cause, std::string message) {
  const Code code = cause.code();
  return wrap(std::move(cause), code, std::move(message));
}

bool is(const Error& error, Code code) noexcept {
  for (const Error* link = &error; link != nullptr; link = link->cause())
    if (link->code() == code) return true;
  return false;
}

bool is(const Error& error, const Error& target) noexcept {
  // Through the layers too, so that an error with a detail is still the error it was.
  for (const Error* layer = &error; layer != nullptr; layer = below(layer->rep()))
    if (layer->word_ == target.word_) return true;
  return false;
}

}  // namespace sluice
