// The API server of the bench ($NEONVM_TEST_KUBECONFIG): definitions that take any spec, a namespace for each test, and
// the bench's own program for what goes wrong with a server.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "plugins/orchestrator-k8s/k8s_orchestrator.hpp"
#include "plugins/orchestrator-k8s/kubeconfig.hpp"
#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::k8s {

inline Deadline in_time() { return std::chrono::steady_clock::now() + std::chrono::seconds(120); }

inline Access server_access() {
  const char* path = std::getenv("NEONVM_TEST_KUBECONFIG");
  REQUIRE(path != nullptr);
  auto access = access_of(*read_kubeconfigs(path), "");
  INFO((access ? "" : access.error().message));
  REQUIRE(access.ok());
  return *access;
}

inline std::string must_call(ApiClient& client, const ApiRequest& request) {
  auto body = client.call(request, in_time());
  INFO((body ? "" : body.error().message));
  REQUIRE(body.ok());
  return *body;
}

inline void permissive(ApiClient& client, const std::string& kind, const std::string& plural, const std::string& singular) {
  const std::string definition =
      R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":")" + plural +
      R"(.vm.neon.tech"},"spec":{"group":"vm.neon.tech","scope":"Namespaced","names":{"kind":")" + kind + R"(","plural":")" +
      plural + R"(","singular":")" + singular + R"("},"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},)" +
      R"("schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}})";
  auto made = client.call({"define", "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition}, in_time());
  INFO((made ? "" : made.error().message));
  REQUIRE((made.ok() || made.error().code == Code::already_exists));
  // Established some moments later; until then there is no such collection.
  ApiRequest list;
  list.what = "list";
  list.target = "/apis/vm.neon.tech/v1/namespaces/default/" + plural;
  const Deadline deadline = in_time();
  while (!client.call(list, deadline)) REQUIRE(std::chrono::steady_clock::now() < deadline);
}

// A namespace that nobody else has, with the service account without which there are no pods.
inline std::string fresh_namespace() {
  static int count = 0;
  static const auto client = *ApiClient::open(server_access());
  if (count == 0) {
    permissive(*client, "VirtualMachine", "virtualmachines", "virtualmachine");
    permissive(*client, "VirtualMachineMigration", "virtualmachinemigrations", "virtualmachinemigration");
    permissive(*client, "IPPool", "ippools", "ippool");
  }
  const std::string name = "t" + std::to_string(getpid()) + "-" + std::to_string(++count);
  must_call(*client, {"make a namespace", "POST", "/api/v1/namespaces",
                      R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":")" + name + "\"}}"});
  return name;
}

inline std::shared_ptr<K8sOrchestrator> open_door(const std::string& ns, Access access = server_access()) {
  access.ns = ns;
  PodSettings pod;
  pod.image = "neonvm/runner:test";
  pod.own_namespace = ns;
  auto door = K8sOrchestrator::open(std::move(access), pod, [](const std::string&) {});
  INFO((door ? "" : door.error().message));
  REQUIRE(door.ok());
  return std::move(*door);
}

// "restart --hard kube-apiserver"
inline void bench(const std::string& words) {
  const char* program = std::getenv("NEONVM_TEST_CLUSTER_PROGRAM");
  REQUIRE(program != nullptr);
  INFO(words);
  REQUIRE(std::system((std::string(program) + " " + words + " >/dev/null").c_str()) == 0);
}

}  // namespace neonvm::k8s
