// SPDX-License-Identifier: Apache-2.0

#include "sluice/base/error.h"

#include <atomic>

#include "sluice/base/assert.h"

namespace sluice {
namespace internal {
namespace {

// A link that owns its text.
struct MessageRep : ErrorRep {
  MessageRep(Code code_of_link, std::string text_of_link) : text(std::move(text_of_link)) {
    destroy = [](ErrorRep* rep) { delete static_cast<MessageRep*>(rep); };
    code = code_of_link;
    message = text.empty() ? info(code).name : std::string_view(text);
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
  while (!(word & Error::sentinel_bit)) {
    // Acquire and release pair with each other: whoever frees sees what the other holders did.
    if (references(word).fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    ErrorRep* rep = rep_of(word);
    word = std::exchange(rep->below.word_, Error::sentinel_bit);
    rep->destroy(rep);
  }
}

}  // namespace internal

using internal::ErrorRep;

Error::Error(Code code, std::string message) {
  SLUICE_ASSERT(code != Code::ok, "an Error with Code::ok");
  word_ = reinterpret_cast<uintptr_t>(new internal::MessageRep(code, std::move(message)));
}

const Error* Error::cause() const noexcept {
  const ErrorRep* link = &rep();
  while (link->detail_type != nullptr) link = &link->below.rep();
  return link->below.is_none() ? nullptr : &link->below;
}

const void* Error::find_detail(const char* type) const noexcept {
  for (const ErrorRep* layer = &rep(); layer->detail_type != nullptr; layer = &layer->below.rep())
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

Error Error::decorate(ErrorRep* layer) const {
  layer->code = code();
  layer->message = message();
  layer->below = *this;
  Error decorated{None{}};
  decorated.word_ = reinterpret_cast<uintptr_t>(layer);
  return decorated;
}

Error wrap(Error cause, Code code, std::string message) {
  Error link(code, std::move(message));
  internal::rep_of(link.word_)->below = std::move(cause);
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
  for (const Error* layer = &error; !layer->is_none(); layer = &layer->rep().below)
    if (layer->word_ == target.word_) return true;
  return false;
}

}  // namespace sluice
