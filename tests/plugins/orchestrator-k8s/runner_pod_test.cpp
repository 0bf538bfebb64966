// What a runner's pod looks like, and what is read back from it.
#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "plugins/orchestrator-k8s/runner_pod.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::k8s {
namespace {

using Pointer = Json::json_pointer;

Object runner(const std::string& backing = "vm-web:1") {
  MachineSpec machine;
  machine.name = "web";
  machine.online_cpus = 2;
  machine.base_memory = Bytes{512 * mib};
  machine.pluggable_memory = Bytes{512 * mib};
  MachineDisk root;
  root.id = "root";
  root.path = std::string(pod::disks) + "/root.qcow2";
  root.format = "qcow2";
  root.backing = backing;
  machine.disks.push_back(root);
  machine.files.push_back({"settings", std::string(pod::config_maps) + "/web-settings", false, true, true, 0644, {}});
  machine.files.push_back({"key", std::string(pod::secrets) + "/web-key", true, false, true, 0400, {}});
  RunnerSpec spec;
  spec.vm = "web";
  spec.vm_uid = "u-1";
  spec.node = "node1";
  spec.machine = wire::encode(machine);
  Object object;
  object.kind = Kind::runner;
  object.name = "web-x7";
  object.owner_uid = "u-1";
  object.spec = wire::encode(spec);
  return object;
}

PodSettings settings() {
  PodSettings all;
  all.image = "neonvm-runner:1";
  return all;
}

Json pod_for(const std::string& vm_spec, const Object& object = runner()) {
  const auto text = encode_runner_pod(object, R"({"metadata":{"name":"web","uid":"u-1","labels":{"team":"db"},"annotations":{"a":"b",
    "kubectl.kubernetes.io/last-applied-configuration":"{}"}},"spec":)" + vm_spec + "}", "prod", settings());
  INFO((text ? "" : text.error().message));
  REQUIRE(text.ok());
  return Json::parse(*text);
}

TEST_CASE("runner pod: nobody in it is root, and nothing is asked of the API server") {
  const Json pod = pod_for("{}");
  CHECK(pod.at(Pointer("/spec/securityContext/runAsNonRoot")) == true);
  CHECK(pod.at(Pointer("/spec/automountServiceAccountToken")) == false);
  REQUIRE(pod["spec"]["containers"].size() == 2);
  for (const Json& container : pod["spec"]["containers"]) {
    CHECK(container.at(Pointer("/securityContext/allowPrivilegeEscalation")) == false);
    CHECK(container.at(Pointer("/securityContext/capabilities/drop/0")) == "ALL");
    CHECK(container.at(Pointer("/securityContext/readOnlyRootFilesystem")) == true);
  }
  CHECK(pod["spec"]["restartPolicy"] == "Never");
}

TEST_CASE("runner pod: where it routes for its VM, one init container has a right, and the runner still has none") {
  CHECK_FALSE(pod_for("{}").dump().find("NET_ADMIN") != std::string::npos);
  Object routed = runner();
  RunnerSpec spec = wire::decode_runner_spec(routed.spec).value();
  MachineSpec machine = wire::decode_machine_spec(spec.machine).value();
  MachineNetwork network;
  network.kind = NetworkKind::tap;
  network.tap = pod::tap;
  machine.networks.push_back(network);
  spec.machine = wire::encode(machine);
  routed.spec = wire::encode(spec);
  const Json pod = pod_for("{}", routed);
  const Json& init = pod["spec"]["initContainers"].back();
  CHECK(init["name"] == "network");
  CHECK(init["args"].front() == "pod-network");
  CHECK(init.at(Pointer("/securityContext/capabilities")) == Json{{"drop", {"ALL"}}, {"add", {"NET_ADMIN"}}});
  CHECK(init.at(Pointer("/securityContext/runAsUser")) == 0);
  for (const Json& container : pod["spec"]["containers"]) CHECK_FALSE(container["securityContext"].dump().find("NET_ADMIN") != std::string::npos);
  CHECK(pod["spec"]["containers"][1]["volumeMounts"].back() == Json{{"name", "tun"}, {"mountPath", "/dev/net/tun"}});
  CHECK(pod["spec"]["volumes"].back().at(Pointer("/hostPath/type")) == "CharDevice");
}

TEST_CASE("runner pod: requests are what the guest begins with, and more for QEMU; what the VM says goes before") {
  const Json usual = pod_for("{}").at(Pointer("/spec/containers/1/resources"));
  CHECK(usual["requests"]["cpu"] == "2");
  CHECK(usual["requests"]["memory"] == std::to_string((512 + 160 + 8) * mib));
  CHECK(usual["limits"]["memory"] == std::to_string((1024 + 160 + 16) * mib));
  const Json own = pod_for(R"({"podResources":{"requests":{"cpu":"250m"},"limits":{"cpu":"3"}}})").at(Pointer("/spec/containers/1/resources"));
  CHECK(own["requests"]["cpu"] == "250m");
  CHECK(own["requests"]["memory"] == usual["requests"]["memory"]);
  CHECK(own["limits"]["cpu"] == "3");
}

TEST_CASE("runner pod: the VM's image only holds its disk open") {
  const Json pod = pod_for(R"({"guest":{"rootDisk":{"image":"vm-web:1","imagePullPolicy":"Always"}}})");
  const Json& image = pod["spec"]["containers"][0];
  CHECK(image["image"] == "vm-web:1");
  CHECK(image["imagePullPolicy"] == "Always");
  CHECK(image["command"] == Json({"/neonvm/image/door", pod::door_socket, "/disk.qcow2"}));
  CHECK(pod["spec"]["initContainers"][0]["image"] == "neonvm-runner:1");
  const Json without = pod_for("{}", runner(""));
  CHECK(without["spec"]["containers"].size() == 1);
  CHECK_FALSE(without["spec"].contains("initContainers"));
}

TEST_CASE("runner pod: it says how large its VM is to be, whatever the VM says of that itself") {
  const auto text = encode_runner_pod(runner(), R"({"apiVersion":"vm.neon.tech/v1","kind":"VirtualMachine","metadata":{"name":"web","uid":"u-1",
    "resourceVersion":"7","annotations":{"vm.neon.tech/usage":"mine","vm.neon.tech/overcommit":"mine"}},"spec":{"guest":{
    "cpus":{"min":1,"use":"1500m","max":4},"memorySlotSize":"1Gi","memorySlots":{"min":1,"use":2,"max":8}}}})", "prod", settings());
  INFO((text ? "" : text.error().message));
  REQUIRE(text.ok());
  const Json annotations = Json::parse(*text)["metadata"]["annotations"];
  CHECK(Json::parse(annotations["vm.neon.tech/usage"].get<std::string>()) == Json{{"cpu", "1500m"}, {"memory", "2Gi"}});
  CHECK(Json::parse(annotations["vm.neon.tech/resources"].get<std::string>())["memorySlots"]["use"] == 2);
  CHECK_FALSE(annotations.contains("vm.neon.tech/overcommit"));
}

TEST_CASE("runner pod: its node is added to each alternative of the VM's own affinity") {
  const Json own = pod_for(R"({"affinity":{"podAntiAffinity":{"x":1},"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":
    {"nodeSelectorTerms":[{"matchExpressions":[{"key":"disk","operator":"In","values":["ssd"]}]},{"matchExpressions":[]}]}}}})");
  const Json& affinity = own["spec"]["affinity"];
  CHECK(affinity["podAntiAffinity"]["x"] == 1);
  const Json& terms = affinity.at(Pointer("/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms"));
  REQUIRE(terms.size() == 2);
  for (const Json& term : terms) CHECK(term.at(Pointer("/matchFields/0/values/0")) == "node1");
  CHECK(terms[0].at(Pointer("/matchExpressions/0/values/0")) == "ssd");
  CHECK(pod_for("{}").at(Pointer("/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms")).size() == 1);
}

TEST_CASE("runner pod: files come as volumes, labels and annotations from the VM") {
  const Json pod = pod_for(R"({"tolerations":[{"operator":"Exists"}],"serviceAccountName":"runner"})");
  const std::string text = pod["spec"]["volumes"].dump();
  CHECK_THAT(text, Catch::Contains(R"("configMap":{"name":"web-settings","optional":true})"));
  CHECK_THAT(text, Catch::Contains(R"("secret":{"optional":false,"secretName":"web-key"})"));
  CHECK_THAT(text, Catch::Contains(R"("secretName":"runner-neonvm-web")"));
  CHECK(pod["metadata"]["labels"]["team"] == "db");
  CHECK(pod["metadata"]["annotations"]["a"] == "b");
  CHECK_FALSE(pod["metadata"]["annotations"].contains("kubectl.kubernetes.io/last-applied-configuration"));
  CHECK(pod["spec"]["tolerations"].size() == 1);
  CHECK(pod["spec"]["serviceAccountName"] == "runner");
}

TEST_CASE("runner pod: only one with a card in the overlay shares a folder with its node") {
  CHECK(pod_for("{}").dump().find("hostPath") == std::string::npos);
  Object object = runner();
  RunnerSpec spec = wire::decode_runner_spec(object.spec).value();
  MachineSpec machine = wire::decode_machine_spec(spec.machine).value();
  MachineNetwork card;
  card.kind = NetworkKind::tap;
  card.port = pod::overlay_port;
  card.mac = "02:00:00:00:00:0a";
  card.address = "10.100.128.7";
  machine.networks = {{}, card};
  spec.machine = wire::encode(machine);
  object.spec = wire::encode(spec);
  const Json pod = pod_for("{}", object);
  const std::string volumes = pod["spec"]["volumes"].dump();
  CHECK(volumes.find(R"("hostPath":{"path":"/run/neonvm-overlay/prod_web-x7_02000000000a_10.100.128.7","type":"DirectoryOrCreate"})") != std::string::npos);
  for (const Json& container : pod["spec"]["containers"]) {
    const bool has = container["volumeMounts"].dump().find(R"({"mountPath":"/neonvm/overlay","name":"overlay","readOnly":true})") != std::string::npos;
    CHECK(has == (container["name"] == runner_container));
    CHECK(container.at(Pointer("/securityContext/capabilities")) == Json{{"drop", {"ALL"}}});
  }
}

TEST_CASE("runner pod: it stays on a node that does not answer, unless its VM says otherwise") {
  const auto borne = [](const std::string& vm) {
    const Json pod = pod_for(vm);
    std::string text;
    for (const Json& each : pod["spec"]["tolerations"]) text += each.dump();
    return text;
  };
  const std::string not_ready = R"({"effect":"NoExecute","key":"node.kubernetes.io/not-ready","operator":"Exists"})";
  const std::string unreachable = R"({"effect":"NoExecute","key":"node.kubernetes.io/unreachable","operator":"Exists"})";
  CHECK(borne("{}") == not_ready + unreachable);
  CHECK(borne(R"({"tolerations":[{"key":"gpu","operator":"Exists"}]})") == R"({"key":"gpu","operator":"Exists"})" + not_ready + unreachable);
  const std::string own = R"({"effect":"NoExecute","key":"node.kubernetes.io/unreachable","operator":"Exists","tolerationSeconds":30})";
  CHECK(borne(R"({"tolerations":[)" + own + "]}") == own + not_ready);
  CHECK(borne(R"({"tolerations":[{"operator":"Exists","effect":"NoSchedule"}]})") == R"({"effect":"NoSchedule","operator":"Exists"})" + not_ready + unreachable);
}

TEST_CASE("runner pod: what cannot be a pod is refused") {
  const auto refusal = [](const Object& object, const std::string& vm) { return encode_runner_pod(object, vm, "prod", settings()).error(); };
  CHECK(refusal(runner(), R"({"metadata":{"uid":"u-2"}})").code == Code::failed_precondition);
  CHECK(refusal(runner(), "[]").code == Code::data_loss);
  Object successor = runner();
  auto spec = *wire::decode_runner_spec(successor.spec);
  spec.attach_only = true;
  successor.spec = wire::encode(spec);
  CHECK_THAT(refusal(successor, R"({"metadata":{"uid":"u-1"}})").message, Catch::Contains("ends with the pod"));
  CHECK(encode_runner_pod(runner(), R"({"metadata":{"uid":"u-1"}})", "prod", {}).error().code == Code::failed_precondition);
}

RunnerStatus status_for(const std::string& status) {
  Json pod = pod_for("{}");
  pod["status"] = Json::parse(status);
  const auto object = runner_object(pod);
  INFO((object ? "" : object.error().message));
  REQUIRE(object.ok());
  return *wire::decode_runner_status(object->status);
}

TEST_CASE("runner pod: one that has ended and is being deleted is gone, whatever its kubelet still does") {
  const auto seen = [](const std::string& deletion, const std::string& state) {
    Json pod = pod_for("{}");
    pod["metadata"]["uid"] = "u-9";
    pod["metadata"]["resourceVersion"] = "7";
    if (!deletion.empty()) pod["metadata"]["deletionTimestamp"] = deletion;
    pod["status"] = {{"phase", "Running"}, {"containerStatuses", Json::array({{{"name", runner_container}, {"state", Json::parse(state)}}})}};
    const auto event = decode_event(Kind::runner, Json{{"type", "MODIFIED"}, {"object", pod}}.dump());
    REQUIRE(event.ok());
    const auto list = decode_list(Kind::runner, Json{{"metadata", {{"resourceVersion", "8"}}}, {"items", Json::array({pod})}}.dump());
    REQUIRE(list.ok());
    CHECK((event->type == EventType::deleted) == list->objects.empty());
    return event->type;
  };
  const std::string ended = R"({"terminated":{"exitCode":0}})", runs = R"({"running":{}})";
  CHECK(seen("2026-11-28T00:00:00Z", ended) == EventType::deleted);
  CHECK(seen("2026-11-28T00:00:00Z", runs) == EventType::modified);
  CHECK(seen("", ended) == EventType::modified);
}

TEST_CASE("runner pod: each pod is a machine of its own") {
  const auto object = runner_object(pod_for("{}"));
  REQUIRE(object.ok());
  CHECK(wire::decode_machine_spec(wire::decode_runner_spec(object->spec)->machine)->run_dir == "/neonvm/run/web-x7");
}

TEST_CASE("runner pod: a kernel comes from its image, and a machine that moves keeps the image that it began with") {
  Object object = runner();
  auto spec = *wire::decode_runner_spec(object.spec);
  auto machine = *wire::decode_machine_spec(spec.machine);
  machine.kernel = "registry.example:5000/kernel:1";  // as the VM's spec has it
  spec.machine = wire::encode(machine);
  object.spec = wire::encode(spec);
  const Json pod = pod_for(R"({"guest":{"kernelImage":"registry.example:5000/kernel:1","rootDisk":{"imagePullPolicy":"Always"}}})", object);
  REQUIRE(pod["spec"]["initContainers"].size() == 3);
  const Json& init = pod["spec"]["initContainers"][2];
  CHECK(init["image"] == "registry.example:5000/kernel:1");
  CHECK(init["imagePullPolicy"] == "Always");
  CHECK(init["command"] == Json({"/neonvm/tools/door", "--copy", "/vmlinuz", "/neonvm/tools/vmlinuz"}));
  CHECK(pod["spec"]["initContainers"][1]["image"] == "neonvm-runner:1");
  const auto seen = runner_object(pod);
  REQUIRE(seen);
  const auto kept = *wire::decode_machine_spec(wire::decode_runner_spec(seen->spec)->machine);
  CHECK(kept.kernel == "/neonvm/kernel/registry.example:5000/kernel:1/vmlinuz");
  CHECK(kept.initrd.empty());
  CHECK_THAT(pod["spec"]["containers"][1]["volumeMounts"].dump(), Catch::Contains(R"("/neonvm/kernel/registry.example:5000/kernel:1","name":"kernel","readOnly":true)"));
  // Its machine goes on elsewhere; the VM's spec is for its next start.
  spec.machine = wire::encode(kept);
  spec.role = RunnerRole::target;
  object.spec = wire::encode(spec);
  CHECK(pod_for(R"({"guest":{"kernelImage":"another:2"}})", object)["spec"]["initContainers"][2]["image"] == "registry.example:5000/kernel:1");
  CHECK(pod_for("{}")["spec"]["initContainers"].size() == 1);
}

TEST_CASE("runner pod: the VM's own init containers come after ours, and services are in its environment if it says so") {
  const Json own = pod_for(R"({"service_links":true,"extraInitContainers":[{"name":"tune","image":"t:1","securityContext":{"privileged":true}},{"name":"wait","image":"w:1"}]})");
  const Json& init = own["spec"]["initContainers"];
  REQUIRE(init.size() == 3);
  CHECK(init[0]["name"] == "image-door");
  CHECK(init[1] == Json::parse(R"({"name":"tune","image":"t:1","securityContext":{"privileged":true}})"));
  CHECK(init[2]["name"] == "wait");
  CHECK(own["spec"]["enableServiceLinks"] == true);
  CHECK(pod_for("{}")["spec"]["enableServiceLinks"] == false);
  CHECK(pod_for(R"({"service_links":false})")["spec"]["enableServiceLinks"] == false);
}

TEST_CASE("runner pod: what keeps it from being started is told, if the kubelet calls it trouble") {
  CHECK(status_for(R"({"phase":"Pending","containerStatuses":[{"name":"vm-image","image":"vm-web:1","state":{"waiting":{"reason":"ErrImagePull","message":"no such host"}}},
    {"name":"neonvm-runner","state":{"running":{}}}]})").exit_reason == "image vm-web:1: ErrImagePull: no such host");
  CHECK(status_for(R"({"phase":"Pending","initContainerStatuses":[{"name":"init-kernel","image":"k:1","state":{"waiting":{"reason":"InvalidImageName"}}}]})").exit_reason ==
        "image k:1: InvalidImageName");
  CHECK(status_for(R"({"phase":"Pending","containerStatuses":[{"name":"neonvm-runner","state":{"waiting":{"reason":"CreateContainerConfigError","message":"x"}}}]})").exit_reason ==
        "container neonvm-runner: CreateContainerConfigError: x");
  for (const char* usual : {"ContainerCreating", "PodInitializing"})
    CHECK(status_for(std::string(R"({"phase":"Pending","containerStatuses":[{"name":"neonvm-runner","state":{"waiting":{"reason":")") + usual + R"("}}}]})").exit_reason.empty());
  CHECK(status_for(R"({"phase":"Pending"})").phase == RunnerPhase::starting);
}

TEST_CASE("runner pod: its end is the runner's container's, whatever the other still does") {
  const auto over = status_for(R"({"phase":"Running","podIP":"10.0.0.1","containerStatuses":[{"name":"vm-image","state":{"running":{}}},
    {"name":"neonvm-runner","state":{"terminated":{"exitCode":1,"reason":"Error","message":"no disk"}}}]})");
  CHECK(over.phase == RunnerPhase::failed);
  CHECK(over.vm_ended);
  CHECK_THAT(over.exit_reason, Catch::Contains("no disk"));
  const auto lost = status_for(R"({"phase":"Failed","reason":"NodeLost","containerStatuses":[{"name":"neonvm-runner","state":{"running":{}}}]})");
  CHECK(lost.phase == RunnerPhase::failed);
  CHECK_FALSE(lost.vm_ended);
  const auto before = status_for(R"({"phase":"Failed","initContainerStatuses":[{"name":"image-door","state":{"terminated":{"exitCode":0}}},
    {"name":"tune","state":{"terminated":{"exitCode":3,"reason":"Error","message":"no such sysctl"}}}],
    "containerStatuses":[{"name":"neonvm-runner","state":{"waiting":{"reason":"PodInitializing"}}}]})");
  CHECK(before.phase == RunnerPhase::failed);
  CHECK(before.vm_ended);
  CHECK(before.exit_reason == "init container tune: exit code 3: no such sysctl");
  const auto turned_away = status_for(R"({"phase":"Failed","reason":"OutOfcpu","message":"node has no room"})");
  CHECK(turned_away.vm_ended);
  CHECK(turned_away.exit_reason == "OutOfcpu: node has no room");
}

}  // namespace
}  // namespace neonvm::k8s
