// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice::heap {

// Whether AddressSanitizer or ThreadSanitizer is the allocator, and brings its own operators.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLUICE_HEAP_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLUICE_HEAP_SANITIZED 1
#endif
#endif

#ifdef SLUICE_HEAP_SANITIZED
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace sluice::heap
