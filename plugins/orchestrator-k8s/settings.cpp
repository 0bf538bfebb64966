#include "plugins/orchestrator-k8s/settings.hpp"

#include "core/model/object.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/kubeconfig.hpp"

namespace neonvm::k8s {
namespace {

Error bad(const std::string& name, const std::string& why) {
  return {Code::invalid_argument, "orchestrator \"k8s\": " + name + ": " + why};
}

Result<std::map<std::string, std::string>> members(const std::map<std::string, std::string>& options) {
  std::map<std::string, std::string> all;
  for (const auto& [name, text] : options) {
    if (name != "json") {
      all[name] = text;
      continue;
    }
    const Json given = Json::parse(text, nullptr, false);
    if (!given.is_object()) return bad("json", "is not a JSON object");
    for (const auto& [key, value] : given.items()) {
      if (!value.is_string()) return bad(key, "is not a text");
      all[key] = value.get<std::string>();
    }
  }
  return all;
}

}  // namespace

Result<Settings> read_settings(const std::map<std::string, std::string>& options) {
  auto all = members(options);
  if (!all) return all.error();
  Settings settings;
  const std::map<std::string, std::string*> known{{"kubeconfig", &settings.kubeconfig},
                                                  {"context", &settings.context},
                                                  {"namespace", &settings.ns},
                                                  {"systemNamespace", &settings.pod.own_namespace},
                                                  {"runnerImage", &settings.pod.image},
                                                  {"onlyNode", &settings.pod.only_node},
                                                  {"kvmResource", &settings.pod.kvm_resource},
                                                  {"schedulerName", &settings.pod.scheduler}};
  if (const auto way = all->find("runnersThrough"); way != all->end()) {
    if (way->second != "server" && way->second != "pods") return bad("runnersThrough", "is \"" + way->second + "\"; give server or pods");
    settings.pod.through_server = way->second == "server";
    all->erase(way);
  }
  const std::pair<const char*, bool*> flags[] = {{"markNodes", &settings.pod.mark_nodes}, {"publishUsage", &settings.pod.publish_usage}};
  for (const auto& [name, into] : flags) {
    const auto flag = all->find(name);
    if (flag == all->end()) continue;
    if (flag->second != "true" && flag->second != "false") return bad(name, "is \"" + flag->second + "\"; give true or false");
    *into = flag->second == "true";
    all->erase(flag);
  }
  for (const auto& [name, text] : *all) {
    const auto into = known.find(name);
    if (into == known.end()) {
      return bad("\"" + name + "\"", "is not a setting; there are kubeconfig, context, namespace, systemNamespace, runnerImage, kvmResource, schedulerName, markNodes, publishUsage, onlyNode, runnersThrough");
    }
    *into->second = text;
  }
  if (!settings.ns.empty() && settings.ns != all_namespaces) {
    if (Status named = check_name(settings.ns); !named) return bad("namespace", named.error().message);
  }
  return settings;
}

Result<Access> find_access(const Settings& settings) {
  auto files = read_kubeconfigs(settings.kubeconfig);
  if (!files) return files.error();
  Result<Access> access = Error{};
  if (!files->empty()) {
    access = access_of(*files, settings.context);
  } else {
    access = in_cluster_access();
    if (!access && access.error().code == Code::failed_precondition) {
      return Error{Code::not_found, "there is no kubeconfig: neither $KUBECONFIG nor ~/.kube/config names a file, and this is " +
                                        access.error().message + "; give one, or set KUBECONFIG"};
    }
  }
  if (access && !settings.ns.empty()) access->ns = settings.ns;
  return access;
}

}  // namespace neonvm::k8s
