#include "plugins/hypervisor-qemu/command_line.hpp"

#include <algorithm>

#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using Argv = std::vector<std::string>;

MachineSpec spec_of_one() {
  MachineSpec spec;
  spec.name = "web";
  spec.uuid = "6f1d7a3e-0b52-4d8c-9a57-3c1c5f2d9e10";
  spec.run_dir = "/run/web";
  spec.max_cpus = 4;
  spec.cpu_mode = CpuScalingMode::qmp;
  spec.pluggable_memory = Bytes{gib};
  spec.kernel = "/boot/vmlinuz";
  spec.cmdline = "quiet";
  spec.disks.push_back({"root", "/disks/a,b.qcow2", "qcow2", false, true, "", {}});
  spec.networks.push_back({NetworkKind::user, "02:00:00:00:00:01", "", {{"http", 80, 8080, Protocol::tcp}}, true});
  spec.guest_socket = "/run/web/guest.sock";
  return spec;
}

Argv argv_of(const MachineSpec& spec, bool kvm = false, const Settings& settings = {}) {
  const auto argv = command_line(spec, {"/usr/bin/qemu", "pc-q35-7.2", kvm}, settings);
  INFO((argv ? std::string() : argv.error().message));
  REQUIRE(argv.ok());
  return *argv;
}

// The word after each `option`.
std::vector<std::string> values(const Argv& argv, const std::string& option) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i + 1 < argv.size(); ++i) {
    if (argv[i] == option) found.push_back(argv[i + 1]);
  }
  return found;
}

bool has(const Argv& argv, const std::string& option, const std::string& part) {
  const auto all = values(argv, option);
  return std::ranges::any_of(all, [&](const std::string& value) { return value.find(part) != std::string::npos; });
}

TEST_CASE("a QEMU is shut in: nothing by default, a sandbox, no monitor on a network") {
  const Argv argv = argv_of(spec_of_one());
  for (const char* word : {"-nodefaults", "-no-user-config", "-only-migratable"}) CHECK(std::ranges::count(argv, word) == 1);
  CHECK(values(argv, "-sandbox") == Argv{"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  CHECK(values(argv, "-display") == Argv{"none"});
  for (const std::string& chardev : values(argv, "-chardev")) {
    INFO(chardev);
    CHECK(chardev.find("host=") == std::string::npos);
    CHECK(chardev.find("port=") == std::string::npos);
  }
  CHECK(std::ranges::count(argv, "-qmp") == 0);
  CHECK(has(argv, "-device", "pvpanic"));
  CHECK(has(argv, "-device", "virtio-rng"));
  CHECK(values(argv, "-action") == Argv{"reboot=shutdown,shutdown=poweroff,panic=shutdown"});
}

TEST_CASE("disks keep QEMU's image lock, whatever their path") {
  MachineSpec spec = spec_of_one();
  spec.disks.push_back({"seed", "/disks/seed.iso", "raw", true, false, "", {}});
  const Argv argv = argv_of(spec);
  int files = 0;
  for (const std::string& node : values(argv, "-blockdev")) {
    if (node.find(R"("driver":"file")") == std::string::npos) continue;
    ++files;
    CHECK(node.find(R"("locking":"on")") != std::string::npos);
  }
  CHECK(files == 2);
  CHECK(has(argv, "-blockdev", R"("filename":"/disks/a,b.qcow2")"));
  CHECK(has(argv, "-device", "drive=disk-root,serial=root,werror=enospc,bootindex=1"));
}

TEST_CASE("base memory under TCG is never a multiple of 256 KiB") {
  for (const std::uint64_t size : {64 * mib, 512 * mib, 512 * mib + 8 * kib, 4 * gib}) {
    CHECK(base_memory_for(Bytes{size}, false).value % (256 * kib) != 0);
    CHECK(base_memory_for(Bytes{size}, false).value - size <= 8 * kib);
    CHECK(base_memory_for(Bytes{size}, true) == Bytes{size});
  }
  CHECK(values(argv_of(spec_of_one()), "-m") == Argv{"size=524296K,slots=1,maxmem=1572872K"});
  CHECK(values(argv_of(spec_of_one(), true), "-m") == Argv{"size=524288K,slots=1,maxmem=1572864K"});
}

TEST_CASE("the target of a migration differs in what must differ, and in nothing else") {
  MachineSpec target = spec_of_one();
  target.run_dir = "/run/web-2";
  target.incoming = true;
  Argv here = argv_of(spec_of_one()), there = argv_of(target);
  REQUIRE(there.size() == here.size() + 3);
  CHECK(Argv(there.end() - 3, there.end()) == Argv{"-S", "-incoming", "defer"});
  there.resize(here.size());
  for (std::size_t i = 0; i < here.size(); ++i) {
    if (here[i] == there[i]) continue;
    // Its ports are still the source's.
    CHECK(here[i] == there[i] + ",hostfwd=tcp:127.0.0.1:8080-:80");
  }
}

TEST_CASE("networks are closed unless the spec opens them") {
  CHECK(has(argv_of(spec_of_one()), "-netdev", "restrict=on"));
  MachineSpec open = spec_of_one();
  open.networks[0].restrict_egress = false;
  open.networks.push_back({NetworkKind::tap, "02:00:00:00:00:02", "tap0", {}, true});
  CHECK(has(argv_of(open), "-netdev", "restrict=off"));
  CHECK(has(argv_of(open), "-netdev", "tap,id=net1,ifname=tap0,script=no,downscript=no"));
  CHECK_FALSE(has(argv_of(open), "-device", "host_mtu"));
  // One that is open already, and says how large packets may be.
  open.networks[1].tap = "/proc/self/fd/12";
  open.networks[1].mtu = 1450;
  CHECK(has(argv_of(open), "-netdev", "tap,id=net1,fd=12"));
  CHECK(has(argv_of(open), "-device", "virtio-net-pci,id=nic1,netdev=net1,romfile=,mac=02:00:00:00:00:02,host_mtu=1450"));
}

TEST_CASE("CPUs: all slots at boot and some online, or few slots filled") {
  MachineSpec spec = spec_of_one();
  CHECK(has(argv_of(spec), "-smp", "cpus=1,maxcpus=4,"));
  spec.cpu_mode = CpuScalingMode::sysfs;
  spec.boot_cpus = 4;
  spec.online_cpus = 2;
  CHECK(values(argv_of(spec), "-append") == Argv{"quiet maxcpus=2"});
  spec.cmdline = "maxcpus=1 quiet";
  CHECK(values(argv_of(spec), "-append") == Argv{"maxcpus=1 quiet"});
}

TEST_CASE("names with commas stay one value") {
  MachineSpec spec = spec_of_one();
  spec.name = "a,id=evil";
  CHECK(values(argv_of(spec), "-name").front().starts_with("guest=a,,id=evil,"));
}

TEST_CASE("a spec that no QEMU could run names the field") {
  const auto refused = [](auto change, const std::string& field) {
    MachineSpec spec = spec_of_one();
    change(spec);
    const auto argv = command_line(spec, {"/usr/bin/qemu", "q35", false}, {});
    INFO(field);
    REQUIRE_FALSE(argv.ok());
    CHECK(argv.error().code == Code::invalid_argument);
    CHECK(argv.error().message.find("machine." + field) != std::string::npos);
  };
  refused([](MachineSpec& s) { s.run_dir = "here"; }, "runDir");
  refused([](MachineSpec& s) { s.name = ""; }, "name");
  refused([](MachineSpec& s) { s.max_cpus = 0; }, "maxCpus");
  refused([](MachineSpec& s) { s.boot_cpus = 5; }, "bootCpus");
  refused([](MachineSpec& s) { s.base_memory = Bytes{mib}; }, "baseMemory");
  refused([](MachineSpec& s) { s.memory_block = Bytes{3 * mib}; }, "memoryBlock");
  refused([](MachineSpec& s) { s.pluggable_memory = Bytes{gib + mib}; }, "pluggableMemory");
  refused([](MachineSpec& s) { s.plugged_at_start = Bytes{2 * gib}; }, "pluggedAtStart");
  refused([](MachineSpec& s) { s.tls_dir = "certificates"; }, "tlsDir");
  refused([](MachineSpec& s) { s.migration_host = "10.0.0.1"; s.migration_port = 7000; }, "migrationHost");
  refused([](MachineSpec& s) { s.migration_host = "10.0.0.1"; s.tls_dir = "/tls"; }, "migrationPort");
  refused([](MachineSpec& s) { s.migration_host = "::1"; s.tls_dir = "/tls"; s.migration_port = 65535; }, "migrationPort");
  refused([](MachineSpec& s) { s.disks[0].id = "a b"; }, "disks");
  refused([](MachineSpec& s) { s.disks.push_back(s.disks[0]); }, "disks");
  refused([](MachineSpec& s) { s.disks[0].format = "vmdk"; }, "disks.root.format");
  refused([](MachineSpec& s) { s.disks[0].path = "a.qcow2"; }, "disks.root.path");
  refused([](MachineSpec& s) { s.disks[0].path = "/proc/self/fd/7"; }, "disks.root");
  refused([](MachineSpec& s) { s.disks[0].backing = "/proc/self/fd/3"; }, "disks.root");
  refused([](MachineSpec& s) { s.networks[0].kind = NetworkKind::tap; }, "networks");
  refused([](MachineSpec& s) { s.networks[0].kind = NetworkKind::tap, s.networks[0].tap = "/proc/self/fd/7"; }, "networks");
  refused([](MachineSpec& s) { s.networks[0].kind = NetworkKind::tap, s.networks[0].tap = "tap0", s.networks[0].mtu = 60; }, "networks");
}

}  // namespace
}  // namespace neonvm::qemu
