#include "core/plugin/orchestrator_structs.hpp"

#include "core/plugin/neonvm_plugin.h"

namespace neonvm::plugin {

std::int32_t to_number(Kind kind) {
  switch (kind) {
    case Kind::virtual_machine: return NEONVM_OBJECT_VIRTUAL_MACHINE;
    case Kind::migration: return NEONVM_OBJECT_MIGRATION;
    case Kind::node: return NEONVM_OBJECT_NODE;
    case Kind::runner: return NEONVM_OBJECT_RUNNER;
    case Kind::neighbour: return NEONVM_OBJECT_NEIGHBOUR;
    case Kind::ip_pool: return NEONVM_OBJECT_IP_POOL;
  }
  return -1;
}

Result<Kind> kind_from_number(std::int32_t number) {
  for (const Kind kind : {Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner, Kind::neighbour, Kind::ip_pool}) {
    if (to_number(kind) == number) return kind;
  }
  return Error{Code::invalid_argument, "unknown object kind " + std::to_string(number)};
}

std::int32_t to_number(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::added: return NEONVM_CHANGE_ADDED;
    case ChangeKind::changed: return NEONVM_CHANGE_CHANGED;
    case ChangeKind::deleted: return NEONVM_CHANGE_DELETED;
    case ChangeKind::synced: return NEONVM_CHANGE_SYNCED;
  }
  return NEONVM_CHANGE_NONE;
}

Result<ChangeKind> change_from_number(std::int32_t number) {
  for (const ChangeKind kind : {ChangeKind::added, ChangeKind::changed, ChangeKind::deleted, ChangeKind::synced}) {
    if (to_number(kind) == number) return kind;
  }
  return Error{Code::invalid_argument, "unknown kind of change " + std::to_string(number)};
}

}  // namespace neonvm::plugin
