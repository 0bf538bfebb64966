// The door's contract, but for runners: there is no kubelet here that would run one.
#include <unistd.h>

#include "tests/plugins/orchestrator-k8s/real_server.hpp"

namespace neonvm::k8s {
namespace {

using namespace neonvm::contracts;

OrchestratorUnderTest make() {
  const std::string ns = fresh_namespace();
  return {open_door(ns), nullptr, [ns]() -> std::shared_ptr<Orchestrator> { return open_door(ns); }};
}

TEST_CASE("the k8s orchestrator keeps objects") { orchestrator_keeps_objects(make); }
TEST_CASE("the k8s orchestrator removes") { orchestrator_removes(make); }
TEST_CASE("the k8s orchestrator watches") { orchestrator_watches(make); }
TEST_CASE("the k8s orchestrator wakes watches") { orchestrator_wakes_watches(make); }
TEST_CASE("the k8s orchestrator keeps events") { orchestrator_keeps_events(make); }
TEST_CASE("the k8s orchestrator leases") { orchestrator_leases(make); }

}  // namespace
}  // namespace neonvm::k8s
