// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "sluice/base/result.h"

namespace notify_sdk {

// Webhook signatures: who knows the endpoint's secret can tell that a body comes from us, unchanged
// and not long ago. The request carries
//
//   Sluice-Signature:
//   t=1767225600,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd
//
// where t is the Unix time of the delivery attempt and v1 the HMAC-SHA256 of "<t>.<body>" under the
// secret, in lower-case hex.

inline constexpr std::string_view signature_header = "Sluice-Signature";

using UnixTime = std::chrono::sys_seconds;

// The header's value for `body`, signed now.
std::string sign(std::string_view secret, UnixTime now, std::string_view body);

// For receivers: checks the header's value against the exact bytes received. Several v1 values may
// be given (while a secret is being replaced); one that fits is enough. Unknown keys are ignored.
// Compare times generously and keep the ids of events already handled: delivery is at least once.
// Errors: invalid_argument (malformed header), unauthenticated (no signature fits),
// deadline_exceeded (t is further than `tolerance` from `now`).
sluice::Result<void> verify(std::string_view secret, std::string_view header, std::string_view body,
                            UnixTime now, std::chrono::seconds tolerance = std::chrono::minutes{5});

}  // namespace notify_sdk
