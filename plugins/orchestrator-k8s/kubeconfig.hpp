// kubeconfig: kubectl's configuration files, merged by its rules: of each name and of current-context the first counts.
//
// access_of is pure; the fuzz target calls it. Paths in a file are relative to its folder. Fields that are not ours
// (extensions, preferences) are left alone. Failure: invalid_argument with file and field, never with a secret;
// not_found when there is no file at all.
#pragma once

#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "plugins/orchestrator-k8s/access.hpp"

namespace neonvm::k8s {

struct KubeconfigText {
  std::string path;  // absolute
  std::string text;
};

// context: empty for current-context.
Result<Access> access_of(const std::vector<KubeconfigText>& files, const std::string& context);

// `path`, which must exist; or, if that is empty, the files of $KUBECONFIG (missing ones are left out) or
// ~/.kube/config. Empty: there is none.
Result<std::vector<KubeconfigText>> read_kubeconfigs(const std::string& path);

// A pod's: $KUBERNETES_SERVICE_HOST and the files of its service account in `folder`. failed_precondition: not in a pod.
Result<Access> in_cluster_access(const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

}  // namespace neonvm::k8s
