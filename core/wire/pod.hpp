// Pod: what a Kubernetes pod takes from its node, as its JSON says it. Pure; any thread.
//
// Called by wire/extender_protocol and orchestrator-k8s. Requests are counted as kube-scheduler counts them: the containers and the
// sidecars together, or an init container with the sidecars started before it if that is more; pod-level requests in place of
// both; the overhead of a runtime class on top. A pod that another software's VM controller made requests nothing for its VM: it
// counts with what its annotations say that the VM has (autoscaling.md 7.4); one that cannot be read says nothing.
// Failure: invalid_argument with the path of what is no pod, or no quantity.
#pragma once

#include <string>
#include <string_view>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

struct Pod {
  std::string ns = "default", name, uid;
  std::string node;                  // empty: not bound
  Resources requests;
  bool ended = false;                // Succeeded or Failed: takes nothing any more
  std::string runner_spec;           // of a runner of ours, JSON; empty: somebody else's pod

  friend bool operator==(const Pod&, const Pod&) = default;
};

Result<Pod> decode_pod(std::string_view json);
// A pod of which decode_pod says the same; for tests, and for who plays kube-scheduler.
std::string encode_pod(const Pod& pod);

}  // namespace neonvm::wire
