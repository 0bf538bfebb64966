#include "core/model/node.hpp"

namespace neonvm {

const char* to_string(RunnerRole role) {
  switch (role) {
    case RunnerRole::source: return "source";
    case RunnerRole::target: return "target";
  }
  return "source";
}

const char* to_string(RunnerPhase phase) {
  switch (phase) {
    case RunnerPhase::starting: return "starting";
    case RunnerPhase::running: return "running";
    case RunnerPhase::succeeded: return "succeeded";
    case RunnerPhase::failed: return "failed";
  }
  return "failed";
}

}  // namespace neonvm
