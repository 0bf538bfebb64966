#include "plugins/hypervisor-qemu/capabilities.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "plugins/hypervisor-qemu/boot_program.hpp"
#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/kvm_probe.hpp"
#include "plugins/hypervisor-qemu/kvm_verdict.hpp"
#include "plugins/hypervisor-qemu/run_program.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"

namespace neonvm::qemu {

namespace {
constexpr const char* under_tcg = "VMs run under TCG, slower; try another \"cpu\" in the plugin's settings, or a host whose virtualisation is whole";

// A boot sector in memory, which QEMU opens by our pid.
Result<UniqueFd> boot_disk() {
  constexpr std::size_t sector = 512;
  std::array<std::uint8_t, sector> image{};
  std::copy(boot_program.begin(), boot_program.end(), image.begin());
  image[sector - 2] = 0x55;
  image[sector - 1] = 0xaa;
  UniqueFd file(::memfd_create("neonvm-boot", MFD_CLOEXEC));
  if (!file || ::write(file.get(), image.data(), image.size()) != static_cast<ssize_t>(image.size())) {
    return Error{Code::internal, std::string("memfd: ") + std::strerror(errno)};
  }
  return file;
}

// The exit status of QEMU when the boot sector has come to its end: isa-debug-exit makes (answer << 1) | 1 of it.
constexpr int arrived = (boot_program_answer << 1) | 1;

Capability qemu_with_kvm(const Settings& settings, Deadline deadline) {
  Capability kvm{"kvm", false, "", under_tcg};
  auto disk = boot_disk();
  if (!disk) {
    kvm.detail = disk.error().message;
    return kvm;
  }
  const std::string path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(disk->get());
  auto end = run_program({settings.binary, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                          "-accel", "kvm", "-cpu", settings.cpu.empty() ? "host" : settings.cpu, "-m", "64", "-machine",
                          settings.machine_type.empty() ? "q35" : settings.machine_type, "-device",
                          "isa-debug-exit,iobase=0xf4,iosize=1", "-drive",
                          "format=raw,if=none,id=boot,read-only=on,file=" + path, "-device",
                          "virtio-blk-pci,drive=boot,bootindex=1"},
                         deadline);
  if (!end) {
    kvm.detail = "a vCPU runs, but QEMU does not boot with KVM: " + end.error().message;
  } else if (end->status != arrived) {
    kvm.detail = "a vCPU runs, but QEMU does not boot with KVM: status " + std::to_string(end->status) + ", " +
                 end->output.substr(0, end->output.find('\n'));
  } else {
    kvm = {"kvm", true, "a vCPU ran, and QEMU booted with it", ""};
  }
  return kvm;
}

MachineSpec small_machine(const std::string& run_dir, bool kvm) {
  MachineSpec spec;
  spec.name = "probe";
  spec.run_dir = run_dir;
  spec.accelerator = kvm ? Accelerator::kvm : Accelerator::tcg;
  spec.max_cpus = 2;
  spec.boot_cpus = 1;
  spec.cpu_mode = CpuScalingMode::qmp;
  spec.base_memory = Bytes{64 * mib};
  spec.pluggable_memory = Bytes{64 * mib};
  spec.networks.push_back({});
  spec.incoming = true;  // waits, and burns no CPU
  return spec;
}

Capability told(const char* name, const Status& status, const std::string& good) {
  if (status) return {name, true, good, ""};
  return {name, false, status.error().message, "install Debian's qemu-system-x86 (7.2 or newer)"};
}

std::vector<Capability> nothing_works(const Error& error) {
  std::vector<Capability> all;
  for (const char* name : {"qemu", "user-network", "virtio-mem", "cpu-hotplug", "cpu-unplug", "live-migration"}) {
    all.push_back(told(name, error, ""));
  }
  return all;
}

std::vector<Capability> try_on(Machine& machine, bool kvm, Deadline deadline) {
  std::vector<Capability> all;
  const auto state = machine.inspect(deadline);
  all.push_back(told("qemu", state ? Status() : Status(state.error()),
                     state ? state->version + ", " + state->machine_type + ", " + state->accelerator : ""));
  all.push_back(told("user-network", {}, "guests reach nothing outside unless told to; ports are forwarded from 127.0.0.1"));
  all.push_back(told("virtio-mem", machine.want_memory(Bytes{64 * mib}, deadline), "memory is plugged in steps of 2Mi"));
  const auto cpus = machine.set_cpus(2, deadline);
  all.push_back(told("cpu-hotplug", cpus ? Status() : Status(cpus.error()), "CPU slots can be filled"));
  Capability unplug{"cpu-unplug", kvm, "CPU slots can be emptied", ""};
  if (!kvm) {
    unplug.detail = "under TCG QEMU aborts after it";
    unplug.next_step = "none is needed: CPUs are switched on and off in the guest";
  }
  all.push_back(unplug);
  const auto address = machine.listen({}, deadline);
  all.push_back(told("live-migration", address ? Status() : Status(address.error()),
                     "over Unix sockets, with a return path"));
  return all;
}
}  // namespace

Capability find_out_kvm(const Settings& settings, Deadline deadline, bool afresh) {
  const Capability vcpu = probe_kvm(sooner(deadline, std::chrono::seconds(1)));
  if (!vcpu.works) return vcpu;
  const std::string circumstances = kvm_circumstances(settings);
  if (!afresh) {
    if (auto known = remembered_kvm(circumstances, std::time(nullptr))) return *known;
  }
  const Capability verdict = qemu_with_kvm(settings, deadline);
  remember_kvm(circumstances, verdict);
  return verdict;
}

std::vector<Capability> try_a_machine(Hypervisor& hypervisor, const Settings&, bool kvm, Deadline deadline) {
  const char* const base = std::getenv("TMPDIR");
  std::string folder = std::string(base != nullptr ? base : "/tmp") + "/neonvm-probe-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return nothing_works(Error{Code::internal, folder + ": " + std::strerror(errno)});
  std::vector<Capability> all;
  auto machine = hypervisor.start(small_machine(folder, kvm), deadline);
  if (machine) {
    all = try_on(**machine, kvm, deadline);
    (void)(*machine)->kill(deadline);
    machine->reset();
  } else {
    all = nothing_works(machine.error());
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return all;
}

Capability find_out_tap() {
  Capability tap{"tap", true, "tap devices can be made: VMs can have addresses of their own", ""};
  UniqueFd device(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strncpy(request.ifr_name, "nvmprobe%d", IFNAMSIZ - 1);
  if (device && ::ioctl(device.get(), TUNSETIFF, &request) == 0) return tap;
  tap.works = false;
  tap.detail = std::string("cannot make a tap device: ") + std::strerror(errno);
  tap.next_step = "run as root, or use user networking";
  return tap;
}

}  // namespace neonvm::qemu
