// The store's file: made, checked and opened. Nothing else in this plugin knows its layout's version.
//
// Whoever opens first (nobody else has the home open) looks at the file before SQLite does: a file of another program,
// of a newer neonvm, or one that was not closed in order and does not pass SQLite's quick check is data_loss, and stays
// as it is to the last byte.
#pragma once

#include <memory>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "plugins/orchestrator-local/home.hpp"
#include "plugins/orchestrator-local/sqlite.hpp"

namespace neonvm::local {

constexpr int schema_version = 1;

struct OpenedStore {
  UniqueFd lock;  // shared with every process that has the store open; must outlive the connections
  std::unique_ptr<Connection> connection;
};
Result<OpenedStore> open_store(const Home& home, Deadline deadline);
// A further connection to a store that is open.
Result<std::unique_ptr<Connection>> connect(const Home& home, Deadline deadline);

}  // namespace neonvm::local
