// An Object as one row of the tables objects and deletions, which have the same columns.
#pragma once

#include "core/model/object.hpp"
#include "plugins/orchestrator-local/sqlite.hpp"

namespace neonvm::local {

// The columns in their order, for SELECT and INSERT.
#define NEONVM_OBJECT_COLUMNS                                                                           \
  "kind, name, ns, uid, version, born, generation, created, deleting, finalizer, labels, annotations, " \
  "owner_uid, spec, status"

struct Row {
  Object object;
  std::uint64_t born = 0;  // the version with which it came into the store
};

Row read_row(const Query& query);
// label and annotation maps as they are stored.
std::string encode_map(const std::map<std::string, std::string>& map);

}  // namespace neonvm::local
