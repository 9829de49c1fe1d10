// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(SLUICE_HAS_LLHTTP)
#include <llhttp.h>
#endif

// Node's parser, as a second opinion for fuzz targets only: what sluice accepts, it must accept.
// It is laxer than sluice in known ways, so the reverse is not asked.
namespace sluice::http::internal::llhttp_oracle {

struct Verdict {
  bool accepted = false;  // the whole head, and nothing was left open
  bool chunked = false;
  uint64_t content_length = 0;
  size_t fields = 0;
  size_t body_bytes = 0;
};

#if defined(SLUICE_HAS_LLHTTP)

inline constexpr bool available = true;

inline Verdict read(llhttp_type_t type, std::string_view bytes, bool with_body) {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  struct State {
    Verdict verdict;
    bool headers_complete = false;
    bool message_complete = false;
    bool with_body;
  } state{.with_body = with_body};
  settings.on_header_value_complete = [](llhttp_t* parser) {
    ++static_cast<State*>(parser->data)->verdict.fields;
    return 0;
  };
  settings.on_headers_complete = [](llhttp_t* parser) {
    auto* state = static_cast<State*>(parser->data);
    state->headers_complete = true;
    state->verdict.chunked = (parser->flags & F_CHUNKED) != 0;
    state->verdict.content_length = parser->content_length;
    return state->with_body ? 0 : 1;  // 1: do not look for a body
  };
  settings.on_body = [](llhttp_t* parser, const char*, size_t size) {
    static_cast<State*>(parser->data)->verdict.body_bytes += size;
    return 0;
  };
  settings.on_message_complete = [](llhttp_t* parser) {
    static_cast<State*>(parser->data)->message_complete = true;
    return 0;
  };
  llhttp_t parser;
  llhttp_init(&parser, type, &settings);
  parser.data = &state;
  llhttp_errno_t error = llhttp_execute(&parser, bytes.data(), bytes.size());
  bool fine = error == HPE_OK || error == HPE_PAUSED_UPGRADE;
  state.verdict.accepted = fine && state.headers_complete && (!with_body || state.message_complete);
  return state.verdict;
}

inline Verdict read_request(std::string_view head) { return read(HTTP_REQUEST, head, false); }
inline Verdict read_request_with_body(std::string_view text) {
  return read(HTTP_REQUEST, text, true);
}
inline Verdict read_response(std::string_view head) { return read(HTTP_RESPONSE, head, false); }

#else

inline constexpr bool available = false;
inline Verdict read_request(std::string_view) { return {}; }
inline Verdict read_request_with_body(std::string_view) { return {}; }
inline Verdict read_response(std::string_view) { return {}; }

#endif

}  // namespace sluice::http::internal::llhttp_oracle
