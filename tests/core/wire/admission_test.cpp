// Admission reviews as an API server sends them, and what is answered.
#include "core/wire/admission.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm::wire;

namespace {

const std::string good_spec =
    R"({"guest":{"cpus":{"min":1,"max":4,"use":1},"memorySlotSize":"1Gi","memorySlots":{"min":1,"max":4,"use":1}}})";

std::string vm(const std::string& spec, const std::string& metadata = R"("name":"web")") {
  return R"({"apiVersion":"vm.neon.tech/v1","kind":"VirtualMachine","metadata":{)" + metadata + R"(},"spec":)" + spec + "}";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

AdmissionRequest creates(const std::string& object) {
  return {"u1", "VirtualMachine", AdmissionOperation::create, "default", "web", object, ""};
}

AdmissionRequest updates(const std::string& before, const std::string& after) {
  return {"u1", "VirtualMachine", AdmissionOperation::update, "default", "web", after, before};
}

AdmissionRequest moves(const std::string& before, const std::string& after) {
  return {"u1", "VirtualMachineMigration", AdmissionOperation::update, "default", "m1", R"({"spec":)" + after + "}",
          R"({"spec":)" + before + "}"};
}

}  // namespace

TEST_CASE("a review is read") {
  const auto request = decode_admission_review(R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{
      "uid":"705ab4f5","kind":{"group":"vm.neon.tech","version":"v1","kind":"VirtualMachine"},
      "resource":{"group":"vm.neon.tech","version":"v1","resource":"virtualmachines"},"requestKind":null,
      "name":"web","namespace":"prod","operation":"UPDATE","userInfo":{"username":"admin","groups":["a"]},
      "object":{"spec":{}},"oldObject":{"spec":{"a":1}},"dryRun":false,"options":{"kind":"UpdateOptions"}}})");
  REQUIRE(request.ok());
  CHECK(*request == AdmissionRequest{"705ab4f5", "VirtualMachine", AdmissionOperation::update, "prod", "web", R"({"spec":{}})",
                                     R"({"spec":{"a":1}})"});
}

TEST_CASE("what is no review is refused by name") {
  CHECK(decode_admission_review("{}").error().message == "this is no AdmissionReview of admission.k8s.io/v1");
  CHECK(decode_admission_review(R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"})").error().message ==
        "this is no AdmissionReview of admission.k8s.io/v1");
  const std::string bare = R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1")";
  CHECK(decode_admission_review(bare + "}").error().message == "request: is missing");
  CHECK(decode_admission_review(bare + R"(,"request":{"uid":7}})").error().message ==
        "request.uid: expected a text, found 7\nrequest.operation: is missing\nrequest.kind: is missing");
  CHECK_FALSE(decode_admission_review("[").ok());
}

TEST_CASE("answers are AdmissionReviews") {
  CHECK(encode_admission_review("u1", {}) ==
        R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"uid":"u1"}})");
  CHECK(encode_admission_review("u1", {false, "spec: no", {}, ""}) ==
        R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":false,"status":)"
        R"({"code":403,"message":"spec: no","reason":"Forbidden","status":"Failure"},"uid":"u1"}})");
  CHECK(encode_admission_review("u1", {true, "", {"careful"}, "[]"}) ==
        R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"patch":"W10=",)"
        R"("patchType":"JSONPatch","uid":"u1","warnings":["careful"]}})");
}

TEST_CASE("fractions of a CPU become text") {
  const std::string spec = replaced(replaced(good_spec, R"("min":1)", R"("min":0.25)"), R"("use":1)", R"("use":1.5)");
  CHECK(mutate(updates("", vm(spec))).patch == R"([{"op":"replace","path":"/spec/guest/cpus/min","value":"250m"},)"
                                               R"({"op":"replace","path":"/spec/guest/cpus/use","value":"1500m"}])");
  CHECK(mutate(updates("", vm(replaced(good_spec, R"("min":1)", R"("min":1.0)")))).patch ==
        R"([{"op":"replace","path":"/spec/guest/cpus/min","value":1}])");
  CHECK(mutate(updates("", vm(good_spec))).patch.empty());
  CHECK(mutate(updates("", vm(replaced(good_spec, R"("min":1)", R"("min":-0.5)")))).patch.empty());
  CHECK(mutate(creates("null")).patch.empty());
  CHECK(mutate(creates("")).allowed);
}

TEST_CASE("a new VM is held from the beginning, and nobody else's hold is taken off") {
  CHECK(mutate(creates(vm(good_spec))).patch == R"([{"op":"add","path":"/metadata/finalizers","value":["vm.neon.tech/finalizer"]}])");
  CHECK(mutate(creates(vm(good_spec, R"("name":"web","finalizers":["other.example/one"])"))).patch ==
        R"([{"op":"add","path":"/metadata/finalizers/-","value":"vm.neon.tech/finalizer"}])");
  CHECK(mutate(creates(vm(good_spec, R"("name":"web","finalizers":["vm.neon.tech/finalizer"])"))).patch.empty());
  CHECK(mutate({"u1", "VirtualMachineMigration", AdmissionOperation::create, "default", "m1", vm(good_spec), ""}).patch.empty());
}

TEST_CASE("a new VM must be right") {
  CHECK(validate(creates(vm(good_spec))) == AdmissionAnswer{});
  CHECK(validate(creates(vm(good_spec, R"("generateName":"web-","unheardOf":7)"))).allowed);
  const auto answer = validate(creates(vm(replaced(good_spec, R"("use":1)", R"("use":5)"))));
  CHECK_FALSE(answer.allowed);
  CHECK(answer.why == "spec.guest.cpus.use: 5 is above max; give 1 to 4");
  const auto ports = validate(creates(vm(replaced(good_spec, "{\"guest\":{", R"({"guest":{"ports":[{"name":"qmp","port":1}],)"))));
  CHECK(ports.why == R"(spec.guest.ports[0].name: "qmp" is reserved; give another name)");
  CHECK_FALSE(validate(creates(vm("{}"))).allowed);
  CHECK_FALSE(validate(creates("")).allowed);
}

TEST_CASE("what nothing acts on is told, and let through") {
  const std::string spec = replaced(good_spec, "{\"guest\":{", R"({"qmp":20000,"qmpManual":20184,"guest":{"rootDisk":{"image":"a","execute":["b"]},)");
  const auto answer = validate(creates(vm(spec)));
  CHECK(answer.allowed);
  CHECK(answer.warnings == std::vector<std::string>{"spec.guest.rootDisk.execute: nothing reads it; use spec.guest.command",
                                                    "spec.qmp: is not listened on: QMP is on no network here"});
}

TEST_CASE("what is fixed may not change, whatever it is written like") {
  const std::string before = vm(good_spec);
  CHECK(validate(updates(before, vm(replaced(good_spec, R"("use":1})", R"("use":2})")))).allowed);
  CHECK(validate(updates(before, vm(replaced(good_spec, R"("min":1)", R"("min":"1000m")")))).allowed);
  CHECK(validate(updates(before, vm(replaced(good_spec, R"("max":4)", R"("max":8)")))).why ==
        "spec.guest.cpus.max: is fixed once the VM exists; keep 4 instead of 8, or delete the VM and make it anew");
  const auto with = [](const std::string& member) { return vm(replaced(good_spec, "{\"guest\"", "{" + member + ",\"guest\"")); };
  CHECK(validate(updates(before, with(R"("enableSSH":false)"))).why ==
        "spec.enableSSH: is fixed once the VM exists; keep it, or delete the VM and make it anew");
  CHECK(validate(updates(before, with(R"("enableSSH":true)"))).allowed);
  CHECK_FALSE(validate(updates(before, with(R"("podResources":{"limits":{"cpu":1}})"))).allowed);
  CHECK(validate(updates(before, with(R"("targetArchitecture":"amd64")"))).allowed);
  CHECK(validate(updates(with(R"("targetArchitecture":"amd64")"), with(R"("targetArchitecture":"arm64")"))).why ==
        R"(spec.targetArchitecture: cannot change once it is set; keep "amd64")");
}

TEST_CASE("an object that was wrong before can be mended, scaled and deleted") {
  const std::string wrong = replaced(good_spec, "{\"guest\":{", R"({"guest":{"ports":[{"name":"qmp","port":1}],)");
  CHECK(validate(updates(vm(wrong), vm(replaced(wrong, R"("use":1})", R"("use":2})")))).allowed);
  CHECK(validate(updates(vm(wrong), vm(replaced(wrong, R"("use":1})", R"("use":9})")))).why ==
        "spec.guest.cpus.use: 9 is above max; give 1 to 4");
  CHECK(validate(updates(vm("{}"), vm("{}", R"("name":"web","finalizers":[])"))).allowed);
  CHECK(validate(updates(vm(good_spec), vm("{}", R"("name":"web","deletionTimestamp":"2026-01-01T00:00:00Z")"))).allowed);
  AdmissionRequest remove = updates(vm("{}"), "");
  remove.operation = AdmissionOperation::remove;
  CHECK(validate(remove).allowed);
}

TEST_CASE("an object that is not to be checked is let through, with a word") {
  const AdmissionRequest request = updates(vm(good_spec), vm(replaced(good_spec, R"("max":4)", R"("max":8)")));
  const auto answer = validate(request, {"default/web"});
  CHECK(answer.allowed);
  REQUIRE(answer.warnings.size() == 1);
  CHECK(answer.warnings.front().find("not checked, because the controller was told so: spec.guest.cpus.max: is fixed") == 0);
  CHECK_FALSE(validate(request, {"prod/web", "web"}).allowed);
  CHECK_FALSE(validate(creates(vm("{}")), {"default/web"}).allowed);
}

TEST_CASE("a migration is fixed, but for its end") {
  CHECK(validate(moves(R"({"vmName":"web"})", R"({"vmName":"web"})")).allowed);
  CHECK_FALSE(validate(moves(R"({"vmName":"web"})", R"({"vmName":"other"})")).allowed);
  CHECK(validate(moves(R"({"vmName":"web"})", R"({"vmName":"web","cancel":true})")).allowed);
  CHECK_FALSE(validate(moves(R"({"vmName":"web"})", R"({"vmName":"other","cancel":true})")).allowed);
  CHECK(validate(moves(R"({"vmName":"web","cancel":true})", R"({"vmName":"web"})")).why ==
        "spec.cancel: cannot be taken back; make a new migration");
}
