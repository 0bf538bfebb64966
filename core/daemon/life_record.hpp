// LifeRecord: how long VMs take to start and to move, told to Prometheus as the world shows it.
//
// Owned by Controller. Loop thread only. Counts what it sees happen: of what was there before it, it only remembers where it
// stands, so that a controller that starts again counts nothing twice. Times are the objects' own, to the second in a cluster.
#pragma once

#include <map>
#include <string>

#include "core/model/object.hpp"
#include "core/model/vm.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

class LifeRecord {
 public:
  explicit LifeRecord(runtime::MetricsRegistry& metrics);

  void vm_seen(const Object& vm, const VmStatus& status, bool gone, WallTime now);
  void runner_seen(const Object& runner);
  void migration_seen(const Object& migration, bool gone);

 private:
  struct Life {
    std::string uid, runner;
    Phase phase = Phase::none;
    std::uint32_t restarts = 0;
    bool from_birth = false;           // seen without any runner before the first
    bool has_run = false;
  };
  void began_to_run(const Object& vm, Life& life, const VmStatus& status, WallTime now);

  runtime::MetricsRegistry& metrics_;
  std::map<std::string, Life> lives_;                  // by VM name
  std::map<std::string, WallTime> runner_made_;        // of runners whose VM does not run yet
  std::map<std::string, MigrationPhase> migrations_;   // by name
};

}  // namespace neonvm::daemon
