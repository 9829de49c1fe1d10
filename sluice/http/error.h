// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace sluice::http {

// A detail of an Error: the HTTP status to answer with, where the code's own (base/code.h) is not
// meant: `return Error(Code::failed_precondition, "out of stock").with(StatusDetail{409});`
struct StatusDetail {
  int status;
};

}  // namespace sluice::http
