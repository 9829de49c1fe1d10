// SPDX-License-Identifier: Apache-2.0

#include "sluice/http/handler.h"

#include <iterator>

namespace sluice::http {

Handler chain(std::initializer_list<Middleware> middlewares, Handler handler) {
  for (auto at = std::rbegin(middlewares); at != std::rend(middlewares); ++at)
    handler = (*at)(std::move(handler));
  return handler;
}

}  // namespace sluice::http
