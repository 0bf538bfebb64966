#include "plugins/hypervisor-qemu/kvm_probe.hpp"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "plugins/hypervisor-qemu/boot_program.hpp"
#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"

namespace neonvm::qemu {

namespace {
enum class Step : int { works, open, version, create_vm, memory, create_vcpu, cpuid, registers, run, exits, result };

struct Outcome {
  Step step = Step::works;
  int error = 0;
};

constexpr std::size_t memory_size = 64 * 1024;

Outcome failed(Step step) { return {step, errno}; }

// kvm_cpuid2 of linux/kvm.h ends in a flexible array that makes it larger in C++ than in C, and the size is part of an
// ioctl's number.
struct CpuidList {
  std::uint32_t count, padding;
  std::array<kvm_cpuid_entry2, 256> entries;
};
constexpr std::size_t c_size = 2 * sizeof(std::uint32_t);
using CpuidHead = std::array<char, c_size>;
constexpr unsigned long get_supported_cpuid = _IOWR(KVMIO, 0x05, CpuidHead);
constexpr unsigned long set_cpuid2 = _IOW(KVMIO, 0x90, CpuidHead);

// Long mode is there only for a CPU that says so.
Outcome give_cpuid(int kvm, int vcpu) {
  static CpuidList cpuid;  // 10 KiB: not for a stack of unknown size
  cpuid.count = static_cast<std::uint32_t>(cpuid.entries.size());
  if (::ioctl(kvm, get_supported_cpuid, &cpuid) != 0) return failed(Step::cpuid);
  if (::ioctl(vcpu, set_cpuid2, &cpuid) != 0) return failed(Step::cpuid);
  return {};
}

Outcome start_as_boot_sector(int vcpu) {
  kvm_sregs special{};
  if (::ioctl(vcpu, KVM_GET_SREGS, &special) != 0) return failed(Step::registers);
  special.cs.base = 0;
  special.cs.selector = 0;
  kvm_regs general{};
  general.rip = boot_program_address;
  general.rflags = 2;  // bit 1 is always set
  if (::ioctl(vcpu, KVM_SET_SREGS, &special) != 0) return failed(Step::registers);
  if (::ioctl(vcpu, KVM_SET_REGS, &general) != 0) return failed(Step::registers);
  return {};
}

Outcome run_to_the_end(int vcpu, const kvm_run* state) {
  while (::ioctl(vcpu, KVM_RUN, 0) != 0) {
    if (errno != EINTR && errno != EAGAIN) return failed(Step::run);
  }
  if (state->exit_reason != KVM_EXIT_IO || state->io.port != boot_program_port) {
    return {Step::exits, static_cast<int>(state->exit_reason)};
  }
  const int answer = *(reinterpret_cast<const std::uint8_t*>(state) + state->io.data_offset);
  return answer == boot_program_answer ? Outcome{} : Outcome{Step::result, answer};
}

// System calls only: it runs in a fork of a program with threads. What it opens goes with the process.
Outcome run_vcpu(const char* device) {
  const int kvm = ::open(device, O_RDWR | O_CLOEXEC);
  if (kvm < 0) return failed(Step::open);
  const int version = ::ioctl(kvm, KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) return {Step::version, version < 0 ? errno : version};
  const int vm = ::ioctl(kvm, KVM_CREATE_VM, 0);
  if (vm < 0) return failed(Step::create_vm);
  // Intel CPUs without unrestricted guests run real mode with the help of these pages; others refuse them.
  std::uint64_t identity_map = 0xfffbc000;
  [[maybe_unused]] int unneeded = ::ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
  unneeded = ::ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
  void* const memory = ::mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return failed(Step::memory);
  std::memcpy(static_cast<char*>(memory) + boot_program_address, boot_program.data(), boot_program.size());
  kvm_userspace_memory_region region{};
  region.memory_size = memory_size;
  region.userspace_addr = reinterpret_cast<std::uintptr_t>(memory);
  if (::ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) != 0) return failed(Step::memory);
  const int vcpu = ::ioctl(vm, KVM_CREATE_VCPU, 0);
  if (vcpu < 0) return failed(Step::create_vcpu);
  const int state_size = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (state_size <= 0) return failed(Step::create_vcpu);
  void* const state = ::mmap(nullptr, static_cast<std::size_t>(state_size), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (state == MAP_FAILED) return failed(Step::create_vcpu);
  if (const Outcome set = give_cpuid(kvm, vcpu); set.step != Step::works) return set;
  if (const Outcome set = start_as_boot_sector(vcpu); set.step != Step::works) return set;
  return run_to_the_end(vcpu, static_cast<const kvm_run*>(state));
}

const char* name_of(Step step) {
  switch (step) {
    case Step::works: return "a vCPU ran";
    case Step::open: return "cannot open the device";
    case Step::version: return "strange KVM version";
    case Step::create_vm: return "cannot make a VM";
    case Step::memory: return "cannot give memory to a VM";
    case Step::create_vcpu: return "cannot make a vCPU";
    case Step::cpuid: return "cannot set the features of a vCPU";
    case Step::registers: return "cannot set the registers of a vCPU";
    case Step::run: return "cannot run a vCPU";
    case Step::exits: return "a vCPU stopped for the wrong reason";
    case Step::result: return "a vCPU computed nonsense";
  }
  return "";
}

Capability describe(const Outcome& outcome, const std::string& device) {
  Capability kvm{"kvm", outcome.step == Step::works, name_of(outcome.step), ""};
  if (kvm.works) return kvm;
  const bool number = outcome.step == Step::exits || outcome.step == Step::result || outcome.step == Step::version;
  kvm.detail = device + ": " + kvm.detail + " (" +
               (number ? std::to_string(outcome.error) : std::string(std::strerror(outcome.error))) + ")";
  kvm.next_step = "VMs run under TCG, slower; enable (nested) virtualisation of this machine for KVM";
  if (outcome.step != Step::open) return kvm;
  if (outcome.error == ENOENT || outcome.error == ENXIO || outcome.error == ENODEV) {
    kvm.next_step = "load the module kvm_intel or kvm_amd; in a VM, enable nested virtualisation on its host";
  } else if (outcome.error == EACCES || outcome.error == EPERM) {
    kvm.next_step = "add your user to the group kvm and log in again";
  }
  return kvm;
}

Capability silent(const std::string& device, const std::string& how) {
  return {"kvm", false, device + ": a vCPU was started and " + how,
          "VMs run under TCG, slower; the hypervisor below this machine does not give usable virtualisation"};
}
}  // namespace

Capability probe_kvm(Deadline deadline, const std::string& device) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {"kvm", false, std::strerror(errno), "free some descriptors"};
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return {"kvm", false, std::string("fork: ") + std::strerror(errno), "free some processes"};
  if (child == 0) {
    const Outcome outcome = run_vcpu(device.c_str());
    const bool told = ::write(write_end.get(), &outcome, sizeof outcome) == static_cast<ssize_t>(sizeof outcome);
    ::_exit(told ? 0 : 1);
  }
  write_end.reset();
  pollfd wait{read_end.get(), POLLIN, 0};
  while (::poll(&wait, 1, poll_timeout(deadline)) < 0 && errno == EINTR) {
  }
  Outcome outcome;
  const bool told = wait.revents != 0 &&
                    ::read(read_end.get(), &outcome, sizeof outcome) == static_cast<ssize_t>(sizeof outcome);
  ::kill(child, SIGKILL);
  // A vCPU can hold its thread in the kernel where no signal reaches it: then the child is left behind to die later.
  int status = 0;
  const Deadline patience = clock_now() + std::chrono::seconds(1);
  while (::waitpid(child, &status, WNOHANG) == 0 && clock_now() < patience) ::poll(nullptr, 0, 5);
  if (told) return describe(outcome, device);
  return silent(device, wait.revents == 0 ? "did not come back in time" : "its process died");
}

}  // namespace neonvm::qemu
