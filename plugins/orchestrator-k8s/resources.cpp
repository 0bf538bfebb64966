#include "plugins/orchestrator-k8s/resources.hpp"

#include "plugins/orchestrator-k8s/api_client.hpp"

namespace neonvm::k8s {
namespace {

// "": all of them.
std::string in_namespace(const std::string& ns) { return ns.empty() ? "" : "/namespaces/" + url_encoded(ns); }

}  // namespace

std::string collection_path(Kind kind, const std::string& ns) {
  switch (kind) {
    case Kind::virtual_machine: return "/apis/vm.neon.tech/v1" + in_namespace(ns) + "/virtualmachines";
    case Kind::migration: return "/apis/vm.neon.tech/v1" + in_namespace(ns) + "/virtualmachinemigrations";
    case Kind::ip_pool: return "/apis/vm.neon.tech/v1" + in_namespace(ns) + "/ippools";
    case Kind::node: return "/api/v1/nodes";
    case Kind::runner:
    case Kind::neighbour: return "/api/v1" + in_namespace(ns) + "/pods";
  }
  return "";
}

std::string object_path(Kind kind, const std::string& ns, const std::string& name) {
  return collection_path(kind, ns) + "/" + url_encoded(name);
}

std::string events_path(const std::string& ns) { return "/api/v1" + in_namespace(ns) + "/events"; }

std::string lease_path(const std::string& ns, const std::string& name) {
  return "/apis/coordination.k8s.io/v1" + in_namespace(ns) + "/leases" + (name.empty() ? "" : "/" + url_encoded(name));
}

std::string secret_path(const std::string& ns, const std::string& name) {
  return "/api/v1" + in_namespace(ns) + "/secrets" + (name.empty() ? "" : "/" + url_encoded(name));
}

std::string selector_of(Kind kind, const std::string& node) {
  if (kind == Kind::virtual_machine && !node.empty()) return std::string(node_label) + "=" + node;
  if (kind == Kind::neighbour) return std::string("!") + pod::role_label;
  return kind == Kind::runner ? vm_name_label : "";
}

std::string field_selector_of(Kind kind, const std::string& node) {
  if (kind == Kind::runner && !node.empty()) return "spec.nodeName=" + node;
  return kind == Kind::neighbour ? "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed" : "";
}

}  // namespace neonvm::k8s
