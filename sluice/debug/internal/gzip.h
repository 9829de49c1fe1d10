// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace sluice::debug::internal {

// `data` compressed, as a gzip file (RFC 1952).
std::string gzip(std::string_view data);

}  // namespace sluice::debug::internal
