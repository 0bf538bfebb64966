#include "core/model/machine.hpp"

namespace neonvm {

const char* to_string(MachinePhase phase) {
  switch (phase) {
    case MachinePhase::starting: return "starting";
    case MachinePhase::running: return "running";
    case MachinePhase::paused: return "paused";
    case MachinePhase::incoming: return "incoming";
    case MachinePhase::migrated_away: return "migrated-away";
    case MachinePhase::shut_down: return "shut-down";
    case MachinePhase::panicked: return "panicked";
    case MachinePhase::gone: return "gone";
  }
  return "gone";
}

const char* to_string(MigrationState state) {
  switch (state) {
    case MigrationState::none: return "none";
    case MigrationState::setup: return "setup";
    case MigrationState::active: return "active";
    case MigrationState::switching: return "switching";
    case MigrationState::completed: return "completed";
    case MigrationState::failed: return "failed";
    case MigrationState::cancelled: return "cancelled";
  }
  return "failed";
}

}  // namespace neonvm
