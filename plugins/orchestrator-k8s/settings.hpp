// Settings: what this plugin is told when it is opened.
//
// One setting "json" with an object, or the object's members as settings of their own:
//   kubeconfig     file; empty: $KUBECONFIG, ~/.kube/config, and in a pod its service account
//   context        of the kubeconfig; empty: its current-context
//   namespace      of everything but nodes; empty: the context's, "default"; "*": all, objects are then called NAMESPACE/NAME
//   systemNamespace  where neonvm itself lives, with the authority of its runners; "neonvm-system"
//   runnerImage    image of runner pods; needed only to start runners
//   kvmResource    extended resource that gives a pod /dev/kvm ("neonvm/kvm"); empty: none is asked for
//   schedulerName  of runner pods; empty: the cluster's default
//   markNodes      "true": VMs are labelled neonvm.dev/node=NODE, by which an agent finds those of its node; "false"
//   publishUsage   "true": pods of VMs follow their VMs' sizes in vm.neon.tech/usage and the like; "false": they say what it was at their start
//   onlyNode       a node: watches show only the VMs that are labelled so, and its pods; empty: everything
//   runnersThrough how callers of runners get there: "pods" by the pods' addresses, "server" through the API server; "pods"
// Failure: an unknown name or a value that makes no sense is invalid_argument and named.
#pragma once

#include <map>
#include <string>

#include "core/model/result.hpp"
#include "plugins/orchestrator-k8s/access.hpp"
#include "plugins/orchestrator-k8s/runner_pod.hpp"

namespace neonvm::k8s {

constexpr const char* all_namespaces = "*";

struct Settings {
  std::string kubeconfig, context, ns;
  PodSettings pod;
};

Result<Settings> read_settings(const std::map<std::string, std::string>& options);
// From the files and the environment that the settings point to.
Result<Access> find_access(const Settings& settings);

}  // namespace neonvm::k8s
