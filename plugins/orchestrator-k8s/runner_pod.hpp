// runner_pod: a runner as a pod. Pure.
//
// The RunnerSpec is an annotation, which the pod's downward API shows the runner as a file. The pod is bound to its node
// by affinity, so that the scheduler still checks that it fits. Its status is what the kubelet says: the phase, the
// address, how the container ended; a runner that could say more has left a RunnerStatus as its termination message.
#pragma once

#include <string>
#include <string_view>

#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::k8s {

struct PodSettings {
  std::string image;             // of the runner
  std::string scheduler;         // empty: the cluster's default
  std::uint16_t port = 25183;    // of the runner's door
};

constexpr const char* runner_container = "neonvm-runner";
constexpr const char* runner_spec_annotation = "neonvm.dev/runner-spec";

// invalid_argument: not a runner that could be started.
Result<std::string> encode_runner_pod(const Object& runner, const std::string& ns, const PodSettings& settings);
// failed to read: not a pod of ours, or its annotation is damaged.
Result<Object> runner_object(std::string_view json);

}  // namespace neonvm::k8s
