// What K8sOrchestrator tells others than its own parts.
#include <utility>

#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/k8s_orchestrator.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* merge_patch = "application/merge-patch+json";

}  // namespace

Status K8sOrchestrator::show_room(const std::string& node, const Resources& free, bool came, Deadline deadline) {
  const Json headroom = {{"cpu", to_string(free.cpu)}, {"memory", to_string(free.memory)}};
  Json metadata = {{"annotations", {{headroom_annotation, dump(headroom)}}}};
  if (came) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    metadata["labels"] = {{room_came_label, std::to_string(seconds)}};
  }
  const auto written = client_->call({"show what is free on Node " + node.substr(0, 80), "PATCH", object_path(Kind::node, "", node),
                                      dump({{"metadata", metadata}}), merge_patch},
                                     deadline);
  return written ? Status{} : Status(written.error());
}

// By the older name of what an EndpointSlice says: it is one object with a name of its own, so that one name is all that need be allowed.
Status K8sOrchestrator::lead_service(const ServicePlace& place, Deadline deadline) {
  Json ports = Json::array();
  for (const auto& [name, port] : place.ports) ports.push_back({{"name", name}, {"port", port}, {"protocol", "TCP"}});
  const Json subsets = Json::array({{{"addresses", Json::array({{{"ip", place.address}}})}, {"ports", std::move(ports)}}});
  ApiRequest request;
  request.what = "lead Service " + place.service.substr(0, 80) + " here";
  request.target = "/api/v1/namespaces/" + pod_.own_namespace + "/endpoints/" + place.service;
  const auto there = client_->call(request, deadline);
  if (!there) return there.error();
  const Json now = Json::parse(*there, nullptr, false);
  if (now.is_object() && now.value("subsets", Json()) == subsets) return {};
  request.method = "PATCH";
  request.body = dump({{"subsets", subsets}});
  request.content_type = merge_patch;
  const auto written = client_->call(request, deadline);
  return written ? Status{} : Status(written.error());
}

}  // namespace neonvm::k8s
