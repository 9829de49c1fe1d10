// SPDX-License-Identifier: Apache-2.0

#include "sluice/sqlite/reader_pool.h"

#include <utility>

#include "sluice/chan/select.h"

namespace sluice::sqlite {

ReaderPool::Reader::Reader(ReaderPool* pool, std::unique_ptr<Database> database,
                           const Context& context)
    : pool_(pool), database_(std::move(database)) {
  if (context != Context::background()) scope_ = std::make_unique<CancelScope>(*database_, context);
}

ReaderPool::Reader::~Reader() {
  if (database_ == nullptr) return;
  scope_.reset();
  // Never waits: the channel has room for every connection there is.
  pool_->idle_.send(std::move(database_));
}

Result<std::unique_ptr<ReaderPool>> ReaderPool::open(const std::string& path, size_t readers) {
  std::unique_ptr<ReaderPool> pool{new ReaderPool{readers}};
  for (size_t i = 0; i < readers; ++i)
    pool->idle_.send(
        std::make_unique<Database>(SLUICE_TRY(Database::open(path, {.read_only = true}))));
  return pool;
}

Result<ReaderPool::Reader> ReaderPool::acquire(const Context& context) {
  std::unique_ptr<Database> database;
  select(on_receive(idle_, [&](std::unique_ptr<Database> idle) { database = std::move(idle); }),
         on_receive(context.done()));
  if (database == nullptr) return *context.err();
  return Reader{this, std::move(database), context};
}

}  // namespace sluice::sqlite
