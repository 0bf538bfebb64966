// What a guest in a cluster gets beside its own disks.
#include "plugins/orchestrator-k8s/guest_secrets.hpp"

#include "plugins/orchestrator-k8s/certificate_requests.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* usual_spec = R"({"guest":{"rootDisk":{"image":"vm-web:1"}}})";

MachineSpec machine() {
  MachineSpec made;
  GuestMount deep;
  deep.name = "deep";
  deep.path = "/var/tls/more/of/it";
  made.guest.mounts.push_back(deep);
  return made;
}

MachineSpec with(const char* spec, RunnerRole role = RunnerRole::source, MachineSpec made = machine()) {
  REQUIRE(add_guest_secrets(Json::parse(spec), role, made));
  return made;
}

std::string names(const MachineSpec& made) {
  std::string all;
  for (const MachineFiles& files : made.files) all += files.name + " ";
  return all;
}

TEST_CASE("guest secrets: of the key pair the guest gets the public half, and of a certificate all") {
  CHECK(names(with(usual_spec)) == "ssh-authorized-keys ");
  CHECK(names(with(R"({"enableSSH":false,"guest":{"rootDisk":{"image":"vm-web:1"}}})")) == "");
  CHECK(names(with("{}")) == "");  // the default guest has no server
  const MachineSpec both = with(R"({"tls":{"mountPath":"/var/tls"},"guest":{"rootDisk":{"image":"vm-web:1"}}})");
  REQUIRE(names(both) == "ssh-authorized-keys tls ");
  CHECK_FALSE(both.files[0].secret);
  CHECK(both.files[0].items.front().mode == 0644U);
  CHECK(both.files[1].secret);
  CHECK(both.files[1].watch);
  // A mount comes before those that are in it.
  REQUIRE(both.guest.mounts.size() == 3);
  CHECK(both.guest.mounts[0].path == "/mnt/ssh");
  CHECK(both.guest.mounts[1].path == "/var/tls");

  Json volumes = Json::array(), mounts = Json::array();
  mount_guest_secrets(both, "web", volumes, mounts);
  CHECK(volumes.dump() == R"([{"name":"ssh-publickey","secret":{"items":[{"key":"ssh-publickey","path":"authorized_keys"}],"secretName":"ssh-neonvm-web"}},)"
                          R"({"name":"tls","secret":{"secretName":"tls-neonvm-web"}}])");
  CHECK(mounts.size() == 2);
}

TEST_CASE("guest secrets: a machine that comes by migration has what its source had") {
  const MachineSpec source = with(usual_spec);
  CHECK(with(R"({"tls":{}})", RunnerRole::target, source).files == source.files);
  CHECK(with(R"({"enableSSH":false})", RunnerRole::target, source).files == source.files);
  CHECK(names(with(usual_spec, RunnerRole::source, source)) == "ssh-authorized-keys ");  // once
}

TEST_CASE("guest secrets: what cannot be meant is told before anything is started") {
  MachineSpec made = machine();
  CHECK(add_guest_secrets(Json::parse(R"({"tls":{"expireAfter":"x"}})"), RunnerRole::source, made).error().code == Code::invalid_argument);
}

TEST_CASE("guest secrets: a status names them once there is a runner") {
  const auto named = [](const char* spec, const char* status) {
    Json json = Json::parse(status);
    name_secrets(Json::parse(spec), "web", json);
    return json.dump();
  };
  CHECK(named(usual_spec, "{}") == "{}");
  CHECK(named(usual_spec, R"({"podName":"p"})") == R"({"podName":"p","sshSecretName":"ssh-neonvm-web"})");
  CHECK(named(R"({"enableSSH":false,"tls":{}})", R"({"podName":"p","sshSecretName":"x"})") == R"({"podName":"p","tlsSecretName":"tls-neonvm-web"})");
}

TEST_CASE("certificate requests: what an issuer has said of one") {
  const auto state = [](const char* status) { return request_state(Json{{"status", Json::parse(status)}}); };
  using Kind = RequestState::Kind;
  CHECK(request_state(Json::parse("[]")).kind == Kind::waits);
  CHECK(state("{}").kind == Kind::waits);
  CHECK(state(R"({"conditions":[{"type":"Ready","status":"False","reason":"Pending","message":"not yet"}]})").why == "Pending: not yet");
  CHECK(state(R"({"conditions":[{"type":"Ready","status":"False","reason":"Pending"},7]})").kind == Kind::waits);
  CHECK(state(R"({"conditions":[{"type":"Ready","status":"False","reason":"Failed","message":"no"}]})").kind == Kind::refused);
  CHECK(state(R"({"conditions":[{"type":"Denied","status":"True","reason":"policy"}]})").kind == Kind::refused);
  CHECK(state(R"({"conditions":[{"type":"Approved","status":"True","reason":"policy"}]})").kind == Kind::waits);
  const RequestState issued = state(R"({"certificate":"QUJD","ca":"REVG","conditions":[{"type":"Ready","status":"True","reason":"Issued"}]})");
  CHECK(issued.kind == Kind::issued);
  CHECK(issued.certificate == "ABC");
  CHECK(issued.authority == "DEF");
}

TEST_CASE("certificate requests: a VM without a server name is called by its own") {
  const VmName vm{"prod", "web", "u-1"};
  CHECK(certificate_wish(vm, {}).names == std::vector<std::string>{"web.prod"});
  wire::TlsWish wish;
  wish.server_name = std::string(70, 'a') + ".org";
  CHECK(certificate_wish(vm, wish).common_name == "web");
  CHECK(certificate_wish(vm, wish).names.front() == wish.server_name);
  wish.issuer = "other";
  CHECK(meaning_of(vm, wish) != meaning_of(vm, {}));
}

}  // namespace
}  // namespace neonvm::k8s
