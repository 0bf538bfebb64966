#include "core/model/vm.hpp"

namespace neonvm {

const char* to_string(Health health) {
  switch (health) {
    case Health::none: return "";
    case Health::starting: return "starting";
    case Health::healthy: return "healthy";
    case Health::unhealthy: return "unhealthy";
  }
  return "";
}

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::none: return "";
    case Phase::pending: return "Pending";
    case Phase::running: return "Running";
    case Phase::scaling: return "Scaling";
    case Phase::pre_migrating: return "PreMigrating";
    case Phase::migrating: return "Migrating";
    case Phase::succeeded: return "Succeeded";
    case Phase::failed: return "Failed";
    case Phase::stopped: return "Stopped";
  }
  return "";
}

std::optional<Phase> phase_from(std::string_view text) {
  for (const Phase phase : {Phase::none, Phase::pending, Phase::running, Phase::scaling, Phase::pre_migrating,
                            Phase::migrating, Phase::succeeded, Phase::failed, Phase::stopped}) {
    if (text == to_string(phase)) return phase;
  }
  return std::nullopt;
}

bool is_alive(Phase phase) {
  return phase == Phase::running || phase == Phase::scaling || phase == Phase::pre_migrating ||
         phase == Phase::migrating;
}

const char* to_string(MigrationPhase phase) {
  switch (phase) {
    case MigrationPhase::none: return "";
    case MigrationPhase::pending: return "Pending";
    case MigrationPhase::running: return "Running";
    case MigrationPhase::succeeded: return "Succeeded";
    case MigrationPhase::failed: return "Failed";
    case MigrationPhase::cancelled: return "Cancelled";
  }
  return "";
}

std::optional<MigrationPhase> migration_phase_from(std::string_view text) {
  for (const MigrationPhase phase : {MigrationPhase::none, MigrationPhase::pending, MigrationPhase::running,
                                     MigrationPhase::succeeded, MigrationPhase::failed, MigrationPhase::cancelled}) {
    if (text == to_string(phase)) return phase;
  }
  return std::nullopt;
}

}  // namespace neonvm
