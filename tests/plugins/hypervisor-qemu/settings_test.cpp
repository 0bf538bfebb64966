#include "plugins/hypervisor-qemu/settings.hpp"

#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

TEST_CASE("settings have defaults, and every one can be set") {
  CHECK(parse_settings("")->binary == "qemu-system-x86_64");
  CHECK(parse_settings("{}")->migration_downtime_ms == 300);
  const auto all = parse_settings(R"({"binary":"/opt/qemu","qemuImg":"/opt/img","machineType":"pc-q35-7.1","cpu":"max",
      "memoryBackend":"memfd","owner":"libvirt","libvirtUri":"qemu:///system","migrationStallSeconds":3,
      "migrationDowntimeMs":50})");
  REQUIRE(all.ok());
  CHECK(all->binary == "/opt/qemu");
  CHECK(all->qemu_img == "/opt/img");
  CHECK(all->machine_type == "pc-q35-7.1");
  CHECK(all->cpu == "max");
  CHECK(all->memory_backend == "memfd");
  CHECK(all->owner == Owner::libvirt);
  CHECK(all->libvirt_uri == "qemu:///system");
  CHECK(all->migration_stall == std::chrono::seconds(3));
  CHECK(all->migration_downtime_ms == 50);
}

TEST_CASE("what is wrong in settings is named") {
  for (const auto& [text, word] : std::map<std::string, std::string>{{R"({"binray":"x"})", "binray"},
                                                                     {R"({"binary":""})", "binary"},
                                                                     {R"({"binary":7})", "binary"},
                                                                     {R"({"memoryBackend":"disk"})", "memoryBackend"},
                                                                     {R"({"owner":"me"})", "owner"},
                                                                     {R"({"migrationDowntimeMs":0})", "60000"},
                                                                     {R"({"migrationStallSeconds":-1})", "3600"},
                                                                     {R"({"migrationStallSeconds":"5"})", "whole number"},
                                                                     {"[]", "JSON object"},
                                                                     {"{", "JSON object"}}) {
    INFO(text);
    const auto settings = parse_settings(text);
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().code == Code::invalid_argument);
    CHECK(settings.error().message.find(word) != std::string::npos);
  }
}

TEST_CASE("settings come as members or as one document") {
  CHECK(read_settings({{"json", R"({"cpu":"max"})"}})->cpu == "max");
  const auto members = read_settings({{"cpu", "max"}, {"migrationDowntimeMs", "80"}});
  REQUIRE(members.ok());
  CHECK(members->cpu == "max");
  CHECK(members->migration_downtime_ms == 80);
  CHECK_FALSE(read_settings({{"migrationDowntimeMs", "soon"}}).ok());
}

}  // namespace
}  // namespace neonvm::qemu
