// runner_pod: a runner as a pod. Pure.
//
// The RunnerSpec is an annotation, which the pod's downward API shows the runner as a file. The pod is bound to its node
// by affinity, so that the scheduler still checks that it fits; what the VM's own affinity asks for is kept. Two
// containers: the runner, and the VM's image, whose disk is handed over as an open file and never copied. Its status is what the
// kubelet says: the phase, the address, how the runner's container ended; a runner that could say more has left a RunnerStatus
// as its termination message. Where things are in it: core/model/pod_layout.
#pragma once

#include <string>
#include <string_view>

#include "core/model/object.hpp"
#include "core/model/pod_layout.hpp"
#include "core/model/result.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {

struct PodSettings {
  std::string image;             // of the runner
  std::string scheduler;         // empty: the cluster's default
  std::string own_namespace = "neonvm-system";
  std::string kvm_resource;      // extended resource that gives a pod /dev/kvm; empty: none
  std::uint16_t port = pod::runner_port;
  std::string only_node;         // watches show only what is there; empty: everything
  bool mark_nodes = false;       // VMs are labelled with their nodes, for those who look at one node only
  bool publish_usage = false;    // what runs tells its size on its pod, for other software that counts (UsageOnPods)
  bool through_server = false;   // callers of runners are shown the way through the API server
};

constexpr const char* runner_container = "neonvm-runner";
using pod::role_label;
using pod::runner_spec_annotation;
constexpr const char* port_annotation = "neonvm.dev/runner-port";

// vm: the VirtualMachine as the server has it; what only pods care for is taken from there (affinity, tolerations, podResources,
// pull secrets, …). invalid_argument: not a runner that could be started.
Result<std::string> encode_runner_pod(const Object& runner, std::string_view vm, const std::string& ns, const PodSettings& settings);
// failed to read: not a pod of ours, or its annotation is damaged.
Result<Object> runner_object(const Json& pod);

}  // namespace neonvm::k8s
