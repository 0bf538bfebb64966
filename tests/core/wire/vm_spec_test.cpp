// A VirtualMachine as upstream's users write it.
#include "core/wire/model_json.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

namespace {

constexpr const char* manifest = R"({
  "apiVersion": "vm.neon.tech/v1", "kind": "VirtualMachine",
  "metadata": {
    "name": "example", "labels": {"autoscaling.neon.tech/enabled": "true", "mine": "x"},
    "annotations": {
      "autoscaling.neon.tech/bounds": "{ \"min\": {\"cpu\":0.25,\"mem\":\"1Gi\"}, \"max\":{\"cpu\":\"1.25\", \"mem\": \"5Gi\"}, \"new\":1}",
      "autoscaling.neon.tech/config": "{\"loadAverageFractionTarget\": 0.8, \"unheardOf\": 1}",
      "mine": "y"}},
  "spec": {
    "qmp": 20183, "runnerPort": 25183, "enableSSH": false, "service_links": true, "schedulerName": "autoscale-scheduler",
    "podResources": {"requests": {"cpu": "100m"}}, "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}}, "extraNetwork": {"enable": true}, "overcommit": {"cpu": 4},
    "terminationGracePeriodSeconds": 30, "restartPolicy": "OnFailure", "nodeSelector": {"zone": "a"},
    "targetRevision": {"revision": {"value": 7, "flags": 1}, "updatedAt": "2025-09-23T10:00:00Z"},
    "guest": {
      "cpus": {"min": 0.25, "max": "1250m", "use": 1},
      "memorySlotSize": "1073741824", "memorySlots": {"min": 1, "max": 5, "use": 2},
      "memhpAutoMovableRatio": "401",
      "rootDisk": {"image": "vm-postgres:15", "size": "8Gi", "imagePullPolicy": "Always", "execute": ["x"]},
      "command": ["/bin/sh"], "args": ["-c", "sleep 1"],
      "env": [{"name": "A", "value": "b"}, {"name": "EMPTY"}],
      "ports": [{"port": 5432}, {"name": "dns", "port": 53, "protocol": "UDP"}],
      "settings": {"sysctl": ["vm.swappiness=10"], "swap": "512Mi"}},
    "disks": [
      {"name": "data", "mountPath": "/data", "emptyDisk": {"size": "16Gi", "enableQuotas": true}},
      {"name": "conf", "mountPath": "/conf", "watch": true, "configMap": {"name": "cm", "items": [{"key": "a", "path": "b"}]}},
      {"name": "keys", "mountPath": "/keys", "readOnly": true, "secret": {"secretName": "s"}},
      {"name": "tmp", "mountPath": "/scratch", "tmpfs": {"size": "64Mi"}}]},
  "status": {"phase": "Running"}
})";

Object example() {
  auto object = decode_object(manifest);
  if (!object) FAIL(object.error().message);
  return *object;
}

VmSpec spec_of(const Object& object) {
  auto spec = decode_vm_spec(object);
  if (!spec) FAIL(spec.error().message);
  return *spec;
}

Object with_spec(const char* spec) {
  Object object;
  object.spec = spec;
  return object;
}

std::string refusal(const char* spec) {
  const auto decoded = decode_vm_spec(with_spec(spec));
  REQUIRE_FALSE(decoded.ok());
  CHECK(decoded.error().code == Code::invalid_argument);
  return decoded.error().message;
}

}  // namespace

TEST_CASE("an upstream manifest is read") {
  const Object object = example();
  CHECK(object.name == "example");
  CHECK(object.ns == "default");
  const VmSpec spec = spec_of(object);
  CHECK(spec.cpu == CpuRange{MilliCpu{250}, MilliCpu{1000}, MilliCpu{1250}});
  CHECK(spec.memory == MemoryRange{Bytes{gib}, Bytes{2 * gib}, Bytes{5 * gib}, Bytes{gib}});
  CHECK(spec.root_image == "vm-postgres:15");
  CHECK(spec.root_size == Bytes{8 * gib});
  CHECK(spec.env == std::vector<EnvVar>{{"A", "b"}, {"EMPTY", ""}});
  CHECK(spec.ports == std::vector<Port>{{"", 5432, 0, Protocol::tcp}, {"dns", 53, 0, Protocol::udp}});
  CHECK(spec.swap == Bytes{512 * mib});
  CHECK(spec.grace == std::chrono::seconds{30});
  CHECK(spec.restart_policy == RestartPolicy::on_failure);
  CHECK(spec.target_revision == Revision{7, 1});
  CHECK(spec.node_selector.at("zone") == "a");
  REQUIRE(spec.disks.size() == 4);
  CHECK(spec.disks[0].quotas);
  CHECK(spec.disks[1].reference == "cm");
  CHECK(spec.disks[2].source == DiskSource::secret);
  CHECK(spec.disks[3].size == Bytes{64 * mib});
  CHECK(spec.scaling.enabled);
  CHECK(spec.scaling.bound_max == Resources{MilliCpu{1250}, Bytes{5 * gib}});
  CHECK(spec.scaling.config.load_average_fraction_target == 0.8);
  CHECK(violations(spec).empty());
}

TEST_CASE("writing back what was read changes nothing") {
  const Object before = example();
  Object after = before;
  encode_vm_spec(spec_of(before), after);
  CHECK(after == before);
}

TEST_CASE("a write changes what was meant and keeps the rest as it came") {
  Object object = example();
  VmSpec spec = spec_of(object);
  spec.cpu.use = MilliCpu{500};
  spec.disks[1].mount_path = "/etc/conf";
  spec.scaling.enabled = false;
  encode_vm_spec(spec, object);
  CHECK(spec_of(object) == spec);
  CHECK(object.spec.find(R"("cpus":{"max":"1250m","min":0.25,"use":"500m"})") != std::string::npos);
  CHECK(object.spec.find(R"("memorySlotSize":"1073741824")") != std::string::npos);
  CHECK(object.spec.find(R"("items":[{"key":"a","path":"b"}])") != std::string::npos);
  for (const char* kept : {"qmp", "runnerPort", "enableSSH", "service_links", "schedulerName", "podResources", "tolerations",
                           "affinity", "extraNetwork", "overcommit", "memhpAutoMovableRatio", "imagePullPolicy",
                           "execute"}) {
    INFO(kept);
    CHECK(object.spec.find("\"" + std::string(kept) + "\"") != std::string::npos);
  }
  CHECK(object.labels == std::map<std::string, std::string>{{"mine", "x"}});
  CHECK(object.annotations == example().annotations);
}

TEST_CASE("a fresh spec is written in upstream's encodings") {
  VmSpec spec;
  spec.cpu = {MilliCpu{250}, MilliCpu{1000}, MilliCpu{4000}};
  spec.memory = {Bytes{gib}, Bytes{gib}, Bytes{4 * gib}, Bytes{gib}};
  spec.ports = {{"http", 80, 8080, Protocol::tcp}};
  Object object;
  encode_vm_spec(spec, object);
  CHECK(object.spec ==
        R"({"guest":{"cpus":{"max":4,"min":"250m","use":1},"memorySlots":{"max":4,"min":1,"use":1},)"
        R"("ports":[{"name":"http","port":80}]}})");
  CHECK(object.annotations == std::map<std::string, std::string>{{"neonvm.dev/host-ports", "8080:80"}});
}

TEST_CASE("memory without slots is one slot") {
  const VmSpec spec = spec_of(with_spec(R"({"guest":{}})"));
  CHECK(spec.memory == MemoryRange{Bytes{gib}, Bytes{gib}, Bytes{gib}, Bytes{gib}});
  CHECK(spec.cpu == CpuRange{});
  CHECK(violations(spec).empty());
}

TEST_CASE("a fault names its path, and a typo what was meant") {
  CHECK(refusal("{}") == "spec.guest: is missing");
  CHECK(refusal(R"({"guest":{"cpus":{"min":1,"max":1}}})") == "spec.guest.cpus.use: is missing");
  CHECK(refusal(R"({"guest":{"cpus":{"min":1,"max":"lots","use":1}}})") ==
        "spec.guest.cpus.max: \"lots\" is not a quantity; give a number of CPUs, such as 2, 0.25 or 250m");
  CHECK(refusal(R"({"guest":{},"restartPolicy":"always"})") ==
        "spec.restartPolicy: \"always\" is not one of Always, OnFailure, Never; did you mean Always?");
  CHECK(refusal(R"({"guest":{"prots":[]}})") == "spec.guest.prots: is not known; did you mean ports?");
  CHECK(refusal(R"({"guest":{},"zzzzzzzzz":1})") == "spec.zzzzzzzzz: is not known");
  CHECK(refusal(R"({"guest":{"ports":[{"port":65536}]}})") ==
        "spec.guest.ports[0].port: expected a whole number from 0 to 65535, found 65536");
  CHECK(refusal(R"({"guest":{"memorySlots":{"min":-1,"max":1,"use":1}}})") ==
        "spec.guest.memorySlots.min: expected a whole number from 0 to 2147483647, found -1");
  CHECK(refusal(R"({"guest":{"memorySlotSize":"4Ei","memorySlots":{"min":4,"max":4,"use":1}}})")
            .rfind("spec.guest.memorySlots.min: 4 slots of 4Ei are more than can be counted", 0) == 0);
  CHECK(refusal(R"({"guest":[]})") == "spec.guest: expected an object, found a list");
  CHECK(refusal("[]").rfind("spec: expected an object, found a list", 0) == 0);
  CHECK(refusal("{").rfind("spec: not valid JSON: at byte 2: ", 0) == 0);
}

TEST_CASE("a disk has one source") {
  CHECK(refusal(R"({"guest":{},"disks":[{"name":"a","mountPath":"/a"}]})") ==
        "spec.disks[0]: has no source; give one of emptyDisk, configMap, secret, tmpfs and image");
  CHECK(refusal(R"({"guest":{},"disks":[{"name":"a","mountPath":"/a","tmpfs":{"size":1},"image":{"path":"x"}}]})") ==
        "spec.disks[0]: has more than one source; give one of emptyDisk, configMap, secret, tmpfs and image");
}

TEST_CASE("all faults are told at once") {
  CHECK(refusal(R"({"guest":{"cpus":{"min":[],"max":true,"use":"x"}},"enableAcceleration":"yes"})") ==
        "spec.guest.cpus.min: expected a quantity such as 2, 250m or 1Gi, found a list\n"
        "spec.guest.cpus.max: expected a quantity such as 2, 250m or 1Gi, found true\n"
        "spec.guest.cpus.use: \"x\" is not a quantity; give a number of CPUs, such as 2, 0.25 or 250m\n"
        "spec.enableAcceleration: expected true or false, found \"yes\"");
}

TEST_CASE("a status keeps what upstream has in it") {
  const std::string before =
      R"({"conditions":[],"extraNetIP":"10.0.0.1","phase":"Running","podIP":"10.1.1.1","podName":"a","restartCount":1})";
  VmStatus status = decode_vm_status(before).value();
  CHECK(status.phase == Phase::running);
  CHECK(status.runner == "a");
  status.restarts = 2;
  const std::string after = encode_over(before, status);
  CHECK(after.find(R"("extraNetIP":"10.0.0.1")") != std::string::npos);
  CHECK(after.find(R"("podIP":"10.1.1.1")") != std::string::npos);
  CHECK(decode_vm_status(after).value() == status);
  CHECK(decode_vm_status("{}").value() == VmStatus{});
  CHECK(decode_vm_status(R"({"phase":"Runing"})").error().message.find("did you mean Running?") != std::string::npos);
}

TEST_CASE("an upstream migration is read") {
  const auto spec = decode_migration_spec(
      R"({"vmName":"a","incremental":true,"autoConverge":true,"maxBandwidth":"1Gi","completionTimeout":3600})");
  REQUIRE(spec.ok());
  CHECK(spec->vm == "a");
  CHECK(spec->max_bandwidth == gib);
  CHECK(spec->timeout == std::chrono::hours{1});
  const std::string over = encode_over(R"({"incremental":false,"vmName":"a"})", *spec);
  CHECK(over.find(R"("incremental":false)") != std::string::npos);
  CHECK(decode_migration_spec("{}").error().message == "vmName: is missing");
}
