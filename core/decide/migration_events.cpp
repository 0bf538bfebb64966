#include "core/decide/migration.hpp"

namespace neonvm::decide {
namespace {

std::string milliseconds(Duration d) { return std::to_string(d / std::chrono::milliseconds(1)) + " ms"; }

std::string summary(const MigrationStatus& status) {
  return "from " + status.source_node + " to " + status.target_node + " in " +
         milliseconds(status.ended - status.started) + ", downtime " + milliseconds(status.progress.downtime);
}

}  // namespace

std::vector<Event> events_between(const MigrationStatus& before, const MigrationStatus& after) {
  std::vector<Event> events;
  const auto say = [&events](bool warning, const std::string& reason, const std::string& message) {
    Event event;
    event.warning = warning;
    event.reason = reason;
    event.message = message;
    events.push_back(std::move(event));
  };
  const bool changed = before.phase != after.phase;
  switch (after.phase) {
    case MigrationPhase::none: break;
    case MigrationPhase::pending:
      if (!after.why.empty() && before.why != after.why) say(false, "MigrationWaits", after.why);
      break;
    case MigrationPhase::running:
      if (changed) say(false, "MigrationStarted", "from " + after.source_node + " to " + after.target_node);
      if (before.progress.step.rfind("undoing: ", 0) != 0 && after.progress.step.rfind("undoing: ", 0) == 0) {
        say(true, "MigrationUndone", after.progress.step.substr(9));
      }
      break;
    case MigrationPhase::succeeded:
      if (changed) say(false, "Migrated", summary(after));
      break;
    case MigrationPhase::failed:
      if (changed) say(true, "MigrationFailed", after.why);
      break;
    case MigrationPhase::cancelled:
      if (changed) say(false, "MigrationCancelled", after.why);
      break;
  }
  return events;
}

}  // namespace neonvm::decide
