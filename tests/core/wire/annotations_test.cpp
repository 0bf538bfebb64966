#include "core/wire/model_json.hpp"
#include "core/wire/policy_text.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

namespace {

Object annotated(const char* key, const std::string& value, const char* spec = R"({"guest":{}})") {
  Object object;
  object.spec = spec;
  object.annotations[key] = value;
  return object;
}

VmSpec read(const char* key, const std::string& value, const char* spec = R"({"guest":{}})") {
  auto decoded = decode_vm_spec(annotated(key, value, spec));
  if (!decoded) FAIL(decoded.error().message);
  return *decoded;
}

std::string refusal(const char* key, const std::string& value) {
  const auto decoded = decode_vm_spec(annotated(key, value));
  REQUIRE_FALSE(decoded.ok());
  return decoded.error().message;
}

constexpr const char* policy = "neonvm.dev/policy";
constexpr const char* host_ports = "neonvm.dev/host-ports";
constexpr const char* stopped = "neonvm.dev/stopped";
constexpr const char* bounds = "autoscaling.neon.tech/bounds";
constexpr const char* config = "autoscaling.neon.tech/config";

}  // namespace

TEST_CASE("a policy is a name with options") {
  CHECK(read(policy, "predictive").scaling.policy == "predictive");
  const Scaling scaling = read(policy, "./mine.so,window=5,mode=fast=er,empty=").scaling;
  CHECK(scaling.policy == "./mine.so");
  CHECK(scaling.policy_options ==
        std::map<std::string, std::string>{{"empty", ""}, {"mode", "fast=er"}, {"window", "5"}});
  CHECK(read(policy, "a\\,b,k\\=1=x\\\\y").scaling.policy_options ==
        std::map<std::string, std::string>{{"k=1", "x\\y"}});
}

TEST_CASE("a policy that cannot be read names its annotation") {
  CHECK(refusal(policy, "") == "annotation neonvm.dev/policy: \"\" names no policy; give NAME[,key=value...]");
  CHECK(refusal(policy, "p,window") ==
        "annotation neonvm.dev/policy: \"window\" is not key=value; give NAME[,key=value...]");
  CHECK(refusal(policy, "p,=5").find("is not key=value") != std::string::npos);
  CHECK(refusal(policy, "p,a=1,a=2") == "annotation neonvm.dev/policy: \"a\" is there twice");
}

TEST_CASE("host ports join the guest's ports") {
  const char* spec = R"({"guest":{"ports":[{"name":"http","port":80},{"port":53},{"port":53,"protocol":"UDP"}]}})";
  CHECK(read(host_ports, "8080:80,5353:53/udp", spec).ports ==
        std::vector<Port>{{"http", 80, 8080, Protocol::tcp}, {"", 53, 0, Protocol::tcp}, {"", 53, 5353, Protocol::udp}});
  CHECK(read(host_ports, "8080:80/tcp").ports == std::vector<Port>{{"", 80, 8080, Protocol::tcp}});
  CHECK(read(host_ports, "1:80,2:80").ports ==
        std::vector<Port>{{"", 80, 1, Protocol::tcp}, {"", 80, 2, Protocol::tcp}});
  CHECK(read(host_ports, "").ports.empty());
}

TEST_CASE("a forward of an unlisted port does not touch the spec") {
  Object object = annotated(host_ports, "8080:80");
  VmSpec spec = decode_vm_spec(object).value();
  spec.cpu.max = MilliCpu{2000};
  encode_vm_spec(spec, object);
  CHECK(object.spec.find("ports") == std::string::npos);
  CHECK(decode_vm_spec(object).value() == spec);
}

TEST_CASE("host ports that cannot be read name their annotation") {
  for (const char* text : {"80", "80:", ":80", "0:80", "80:0", "65536:80", "80:65536", "80:80/sctp", "80:80,", "a:b",
                           "-1:80", "80: 80", "80:80/udp/tcp", ",", "80:80:80"}) {
    INFO(text);
    if (std::string(text) == "80:80,") continue;  // a comma at the end is harmless
    CHECK(refusal(host_ports, text).rfind("annotation neonvm.dev/host-ports: \"", 0) == 0);
  }
}

TEST_CASE("stopped is true or false") {
  CHECK(read(stopped, "true").stopped);
  CHECK_FALSE(read(stopped, "false").stopped);
  CHECK(refusal(stopped, "yes") == "annotation neonvm.dev/stopped: \"yes\" is neither true nor false");
}

TEST_CASE("only exactly true turns scaling on") {
  Object object;
  object.spec = R"({"guest":{}})";
  for (const char* off : {"false", "True", "1", "yes", ""}) {
    object.labels["autoscaling.neon.tech/enabled"] = off;
    CHECK_FALSE(decode_vm_spec(object)->scaling.enabled);
  }
  object.labels["autoscaling.neon.tech/enabled"] = "true";
  object.labels["autoscaling.neon.tech/auto-migration-enabled"] = "true";
  CHECK(decode_vm_spec(object)->scaling.enabled);
  CHECK(decode_vm_spec(object)->scaling.may_migrate);
}

TEST_CASE("bounds want all four numbers") {
  CHECK(refusal(bounds, R"({"min":{"cpu":1},"max":{"cpu":1,"mem":"1Gi"}})") ==
        "annotation autoscaling.neon.tech/bounds.min.mem: is missing");
  CHECK(refusal(bounds, "{}") ==
        "annotation autoscaling.neon.tech/bounds.min: is missing\n"
        "annotation autoscaling.neon.tech/bounds.max: is missing");
  CHECK(refusal(bounds, "nonsense").rfind("annotation autoscaling.neon.tech/bounds: not valid JSON: ", 0) == 0);
  CHECK(refusal(bounds, "[]").rfind("annotation autoscaling.neon.tech/bounds: expected an object", 0) == 0);
}

TEST_CASE("a typo in the config is told, a stranger is ignored as upstream does") {
  CHECK(refusal(config, R"({"lfcWindowSizeMinute":5})") ==
        "annotation autoscaling.neon.tech/config.lfcWindowSizeMinute: is not known; did you mean "
        "lfcWindowSizeMinutes?");
  CHECK(read(config, R"({"somethingElse":5})").scaling.config == ScalingConfig{});
  CHECK(refusal(config, R"({"enableLFCMetrics":"true"})").find("expected true or false") != std::string::npos);
}

TEST_CASE("one bound alone is completed from the VM") {
  VmSpec spec;
  spec.scaling.bound_max = Resources{MilliCpu{1000}, Bytes{512 * mib}};
  Object object;
  encode_vm_spec(spec, object);
  const VmSpec back = decode_vm_spec(object).value();
  CHECK(back.scaling.bound_max == spec.scaling.bound_max);
  CHECK(back.scaling.bound_min == spec.min());
}

TEST_CASE("what is turned off is removed") {
  VmSpec spec;
  spec.stopped = true;
  spec.scaling.policy = "other";
  spec.scaling.enabled = true;
  spec.scaling.config.enable_lfc_metrics = true;
  spec.scaling.bound_min = spec.scaling.bound_max = spec.max();
  spec.ports = {{"", 80, 8080, Protocol::tcp}};
  Object object;
  encode_vm_spec(spec, object);
  CHECK(object.annotations.size() == 5);
  CHECK(object.annotations.at(stopped) == "true");
  encode_vm_spec(VmSpec{}, object);
  CHECK(object.annotations.empty());
  CHECK(object.labels.empty());
}
