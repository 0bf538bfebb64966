#include "core/model/vm.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;

namespace {

using Lines = std::vector<std::string>;

VmSpec good() {
  VmSpec spec;
  spec.cpu = {MilliCpu{250}, MilliCpu{1000}, MilliCpu{4000}};
  spec.memory = {Bytes{512 * mib}, Bytes{gib}, Bytes{4 * gib}, Bytes{128 * mib}};
  return spec;
}

Disk disk(const char* name) {
  Disk d;
  d.name = name;
  d.mount_path = "/data";
  d.size = Bytes{gib};
  return d;
}

// The one line that a spec with one fault gives.
std::string only(const VmSpec& spec) {
  const Lines lines = violations(spec);
  CAPTURE(lines);
  REQUIRE(lines.size() == 1);
  return lines.front();
}

}  // namespace

TEST_CASE("a default spec is valid") { CHECK(violations(VmSpec{}) == Lines{}); }

TEST_CASE("a whole spec is valid") {
  VmSpec spec = good();
  spec.ports = {{"http", 80, 8080, Protocol::tcp}, {"dns", 80, 8080, Protocol::udp}};
  spec.disks = {disk("data"), disk("more")};
  spec.disks[1].mount_path = "/other";
  spec.env = {{"A", ""}};
  spec.sysctl = {"vm.swappiness=10"};
  spec.swap = Bytes{gib};
  spec.scaling.bound_min = Resources{MilliCpu{250}, Bytes{512 * mib}};
  spec.scaling.bound_max = Resources{MilliCpu{2000}, Bytes{2 * gib}};
  CHECK(violations(spec) == Lines{});
}

TEST_CASE("CPUs have a range") {
  VmSpec spec = good();
  spec.cpu.min = MilliCpu{49};
  CHECK(only(spec) == "spec.guest.cpus.min: 49m is below 50m; give 50m to 512");
  spec = good();
  spec.cpu.max = MilliCpu{512'001};
  CHECK(only(spec) == "spec.guest.cpus.max: 512001m is above 512; give 50m to 512");
  spec.cpu.max = MilliCpu{512'000};
  CHECK(violations(spec) == Lines{});
}

TEST_CASE("use lies between min and max") {
  VmSpec spec = good();
  spec.cpu.use = MilliCpu{200};
  CHECK(only(spec) == "spec.guest.cpus.use: 200m is below min; give 250m to 4");
  spec.cpu.use = MilliCpu{5000};
  CHECK(only(spec) == "spec.guest.cpus.use: 5 is above max; give 250m to 4");
  spec = good();
  spec.cpu.min = MilliCpu{5000};
  CHECK(only(spec) == "spec.guest.cpus.min: 5 is above max 4; lower min or raise max");
  spec = good();
  spec.memory.use = Bytes{8 * gib};
  CHECK(only(spec) == "spec.guest.memorySlots.use: 8Gi is above max; give 512Mi to 4Gi");
}

TEST_CASE("memory comes in slots") {
  VmSpec spec = good();
  spec.memory.use = Bytes{1000 * mib};
  CHECK(only(spec) == "spec.guest.memorySlots.use: 1000Mi is not a multiple of memorySlotSize 128Mi; give 896Mi or 1Gi");
  spec = good();
  spec.memory.max = Bytes{513 * 128 * mib};
  CHECK(only(spec) ==
        "spec.guest.memorySlots.max: 65664Mi is 513 slots of 128Mi; give 1 to 512 slots, 128Mi to 64Gi");
  spec = good();
  spec.memory.min = Bytes{0};
  CHECK(only(spec) == "spec.guest.memorySlots.min: 0 is 0 slots of 128Mi; give 1 to 512 slots, 128Mi to 64Gi");
}

TEST_CASE("a slot is a multiple of 8 MiB") {
  for (const std::uint64_t size : {std::uint64_t{0}, 9 * mib, std::uint64_t{1} << 62}) {
    VmSpec spec = good();
    spec.memory.slot_size = Bytes{size};
    CHECK(only(spec) == "spec.guest.memorySlotSize: " + to_string(Bytes{size}) +
                            " is not a multiple of 8Mi from 8Mi to 1Pi; give 128Mi, say");
  }
}

TEST_CASE("a base that cannot describe the maximum is refused with the number") {
  VmSpec spec = good();
  spec.memory.max = Bytes{64 * gib};
  CHECK(violations(spec).empty());  // the kernel keeps every fifth block for itself
  spec.kernel_cmdline = "memhp_default_state=online_movable";
  CHECK(only(spec) ==
        "spec.guest.memorySlots.max: 64Gi takes 1143Mi of page structs and page tables, which the kernel cannot keep in movable "
        "memory, and a base of 512Mi holds up 26880Mi at most; give that, or a min of 1280Mi");
  spec.memory.max = Bytes{26880 * mib};
  CHECK(violations(spec).empty());
  spec.memory.max = Bytes{64 * gib};
  spec.memory.min = spec.memory.use = Bytes{1280 * mib};
  CHECK(violations(spec).empty());
}

TEST_CASE("ports are checked") {
  VmSpec spec = good();
  spec.ports = {{"", 0, 0, Protocol::tcp}};
  CHECK(only(spec) == "spec.guest.ports[0].port: 0 is out of range; give 1 to 65535");
  spec.ports = {{"qmp", 80, 0, Protocol::tcp}};
  CHECK(only(spec) == "spec.guest.ports[0].name: \"qmp\" is reserved; give another name");
  spec.ports = {{"a", 80, 0, Protocol::tcp}, {"a", 81, 0, Protocol::tcp}};
  CHECK(only(spec) == "spec.guest.ports[1].name: \"a\" is there twice; rename one");
  spec.ports = {{"a", 80, 0, Protocol::tcp}, {"b", 80, 0, Protocol::tcp}};
  CHECK(only(spec) == "spec.guest.ports[1].port: 80 is there twice; remove one");
  spec.ports = {{"a", 80, 8080, Protocol::tcp}, {"b", 81, 8080, Protocol::tcp}};
  CHECK(only(spec) ==
        "annotation neonvm.dev/host-ports: host port 8080 is there twice; give each guest port its own");
}

TEST_CASE("disks are checked") {
  VmSpec spec = good();
  for (const char* reserved : {"virtualmachineimages", "rootdisk", "runtime", "swapdisk", "sysfscgroup",
                               "ssh-privatekey", "ssh-publickey", "ssh-authorized-keys", "tls"}) {
    spec.disks = {disk(reserved)};
    CHECK(only(spec) == "spec.disks[0].name: \"" + std::string(reserved) + "\" is reserved; give another name");
  }
  spec.disks = {disk("a23456789012345678901234567890123")};
  CHECK(only(spec).find("has 33 characters; give at most 32") != std::string::npos);
  spec.disks = {disk("A")};
  CHECK(only(spec).rfind("spec.disks[0].name: name \"A\"", 0) == 0);
  spec.disks = {disk("a"), disk("a")};
  spec.disks[1].mount_path = "/other";
  CHECK(only(spec) == "spec.disks[1].name: \"a\" is there twice; rename one");
  spec.disks = {disk("a")};
  spec.disks[0].mount_path = "data";
  CHECK(only(spec) == "spec.disks[0].mountPath: \"data\" is not absolute; begin it with '/'");
}

TEST_CASE("a mount path leads to a place of its own") {
  VmSpec spec = good();
  spec.disks = {disk("a")};
  for (const char* path : {"/data", "/mnt/it's \"odd\"; $(x)", "//data/./x/", "/procs", "/dev2", "/a..b"}) {
    spec.disks[0].mount_path = path;
    CHECK(violations(spec).empty());
  }
  for (const char* path : {"/", "//.", "/a/../b", "/a/..", "/proc", "/proc/1", "/sys/x", "/dev", "/dev/shm", "/run/neonvm/x", "/a\nb", "/a\x7f"}) {
    INFO(path);
    spec.disks[0].mount_path = path;
    CHECK(only(spec).rfind("spec.disks[0].mountPath: ", 0) == 0);
    CHECK(only(spec).find('\n') == std::string::npos);
  }
  spec.disks[0].source = DiskSource::tmpfs;
  spec.disks[0].mount_path = "/dev/shm";
  CHECK(violations(spec).empty());
  spec.disks = {disk("a"), disk("b")};
  spec.disks[0].mount_path = "/x/";
  spec.disks[1].mount_path = "//x/.";
  CHECK(only(spec) == "spec.disks[1].mountPath: \"//x/.\" is another disk's too; give each a place of its own");
}

TEST_CASE("files have names and places that lead nowhere else") {
  VmSpec spec = good();
  spec.disks = {disk("a")};
  spec.disks[0].source = DiskSource::secret;
  for (const char* name : {"db", "my.app-1", "/home/u/files"}) {
    spec.disks[0].reference = name;
    CHECK(violations(spec).empty());
  }
  for (const char* name : {"../etc", "a/b", "..", ".x", "A", "a..b", "/home/../etc", "/a\nb"}) {
    INFO(name);
    spec.disks[0].reference = name;
    CHECK(only(spec).rfind("spec.disks[0].secret.secretName: ", 0) == 0);
  }
  spec.disks[0].reference = "db";
  for (const char* path : {"", "/x", "../x", "a/../b", "a//b", "..data", "a/"}) {
    INFO(path);
    spec.disks[0].items = {{"key", path, std::nullopt}};
    CHECK(only(spec).rfind("spec.disks[0].secret.items: ", 0) == 0);
  }
  spec.disks[0].items = {{"key", "tls/key.pem", 0400}, {"key", "other", std::nullopt}};
  CHECK(violations(spec).empty());
  spec.disks[0].items[1].path = "tls/key.pem";
  CHECK(only(spec).find("is there twice") != std::string::npos);
  spec.disks[0].items = {{"key", "x", 01777}};
  CHECK(violations(spec).size() == 1);
  spec.disks[0].items.clear();
  spec.disks[0].default_mode = 01000;
  CHECK(only(spec).rfind("spec.disks[0].secret.defaultMode: ", 0) == 0);
}

TEST_CASE("each disk's source says what it needs") {
  VmSpec spec = good();
  spec.disks = {disk("a")};
  spec.disks[0].size = Bytes{0};
  CHECK(only(spec).rfind("spec.disks[0].emptyDisk.size: ", 0) == 0);
  spec.disks[0].source = DiskSource::tmpfs;
  CHECK(only(spec).rfind("spec.disks[0].tmpfs.size: ", 0) == 0);
  spec.disks[0].source = DiskSource::config_map;
  CHECK(only(spec).rfind("spec.disks[0].configMap.name: ", 0) == 0);
  spec.disks[0].source = DiskSource::secret;
  CHECK(only(spec).rfind("spec.disks[0].secret.secretName: ", 0) == 0);
  spec.disks[0].source = DiskSource::image;
  CHECK(only(spec).rfind("spec.disks[0].image.path: ", 0) == 0);
}

TEST_CASE("guest settings are checked") {
  VmSpec spec = good();
  spec.env = {{"A=B", "c"}};
  CHECK(only(spec).rfind("spec.guest.env[0].name: ", 0) == 0);
  spec = good();
  spec.sysctl = {"", "=1", "vm.x"};
  CHECK(violations(spec).size() == 3);
  spec = good();
  for (const std::uint64_t size : {std::uint64_t{0}, 1500 * kib, 257 * gib}) {
    spec.swap = Bytes{size};
    CHECK(only(spec).rfind("spec.guest.settings.swap: ", 0) == 0);
  }
  spec = good();
  spec.sysctl = {"kernel/../../etc/passwd=x"};
  CHECK(only(spec).rfind("spec.guest.settings.sysctl[0]: ", 0) == 0);
  spec = good();
  spec.root_size = Bytes{0};
  CHECK(only(spec).rfind("spec.guest.rootDisk.size: ", 0) == 0);
  spec = good();
  spec.grace = -std::chrono::seconds{1};
  CHECK(only(spec) == "spec.terminationGracePeriodSeconds: is negative; give 0 or more");
}

TEST_CASE("bounds of scaling lie within the VM's") {
  VmSpec spec = good();
  spec.scaling.bound_max = Resources{MilliCpu{8000}, Bytes{2 * gib}};
  CHECK(only(spec) ==
        "annotation autoscaling.neon.tech/bounds.max.cpu: 8 is outside spec.guest.cpus; give 250m to 4");
  spec.scaling.bound_max = Resources{MilliCpu{1000}, Bytes{2 * gib + 1}};
  CHECK(only(spec) ==
        "annotation autoscaling.neon.tech/bounds.max.mem: 2147483649 is not a multiple of memorySlotSize 128Mi");
  spec.scaling.bound_max = Resources{MilliCpu{1000}, Bytes{gib}};
  spec.scaling.bound_min = Resources{MilliCpu{1000}, Bytes{2 * gib}};
  CHECK(only(spec) ==
        "annotation autoscaling.neon.tech/bounds: min 1 CPU, 2Gi exceeds max 1 CPU, 1Gi; lower min or raise max");
}

TEST_CASE("a spec's scaling config is checked") {
  VmSpec spec = good();
  spec.scaling.config.memory_usage_fraction_target = 1.5;
  CHECK(only(spec) ==
        "annotation autoscaling.neon.tech/config.memoryUsageFractionTarget: 1.5 is out of range; give more than 0 and "
        "less than 1");
}

TEST_CASE("all faults are told at once") {
  VmSpec spec = good();
  spec.cpu.min = MilliCpu{1};
  spec.memory.slot_size = Bytes{1};
  spec.disks = {disk("tls")};
  CHECK(violations(spec).size() == 3);
}
