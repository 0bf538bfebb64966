#include "plugins/hypervisor-qemu/qemu_hypervisor.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "plugins/hypervisor-qemu/capabilities.hpp"
#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/disks.hpp"
#include "plugins/hypervisor-qemu/qemu_machine.hpp"
#include "plugins/hypervisor-qemu/run_program.hpp"

namespace neonvm::qemu {

namespace {
// From a lost connection to the end of a QEMU that did not like its arguments.
constexpr Duration ending = std::chrono::seconds(5);
constexpr Duration kvm_patience = std::chrono::seconds(4);
constexpr Duration find_pace = std::chrono::milliseconds(10);

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// Sockets and locks in it are for our user alone.
Status make_run_dir(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  if (!error) return {};
  const bool denied = error == std::errc::permission_denied;
  return Error{denied ? Code::permission_denied : Code::internal, folder + ": " + error.message()};
}

// QEMU itself says of a missing disk only what the kernel said.
Status check_files(const MachineSpec& spec) {
  std::vector<std::string> files;
  for (const MachineDisk& disk : spec.disks) files.push_back(disk.path);
  if (!spec.kernel.empty()) files.push_back(spec.kernel);
  if (!spec.initrd.empty()) files.push_back(spec.initrd);
  for (const std::string& file : files) {
    if (::access(file.c_str(), R_OK) == 0) continue;
    const Code code = errno == EACCES ? Code::permission_denied : Code::not_found;
    return Error{code, file + ": " + std::strerror(errno)};
  }
  return {};
}
}  // namespace

Error understand(const std::string& how_it_ended, const std::string& last_words) {
  Code code = Code::unavailable;
  if (has(last_words, "Failed to get") && has(last_words, "lock")) code = Code::already_exists;
  else if (has(last_words, "No such file")) code = Code::not_found;
  else if (has(last_words, "Permission denied")) code = Code::permission_denied;
  else if (has(last_words, "Cannot allocate memory") || has(last_words, "cannot set up guest memory")) {
    code = Code::out_of_capacity;
  } else if (has(last_words, "host forwarding rule")) code = Code::refused;
  else if (!last_words.empty()) code = Code::refused;
  return Error{code, how_it_ended + (last_words.empty() ? "" : ": " + last_words)};
}

QemuHypervisor::QemuHypervisor(Settings settings, std::unique_ptr<Launcher> launcher)
    : settings_(std::move(settings)), launcher_(std::move(launcher)) {}

Capability QemuHypervisor::kvm(Deadline deadline, bool afresh) {
  const std::lock_guard lock(mutex_);
  if (!kvm_) kvm_ = find_out_kvm(settings_, sooner(deadline, kvm_patience), afresh);
  return *kvm_;
}

Result<LaunchFacts> QemuHypervisor::facts_for(const MachineSpec& spec, Deadline deadline) {
  LaunchFacts facts;
  auto binary = find_program(settings_.binary);
  if (!binary) return binary.error();
  facts.binary = *binary;
  facts.machine_type = spec.machine_type.empty() ? settings_.machine_type : spec.machine_type;
  // QEMU's name for its newest; inspect() tells which one that is.
  if (facts.machine_type.empty()) facts.machine_type = "q35";
  if (spec.accelerator == Accelerator::tcg) return facts;
  const Capability usable = kvm(deadline, false);
  facts.kvm = usable.works;
  if (!facts.kvm && spec.accelerator == Accelerator::kvm) {
    return Error{Code::failed_precondition, "KVM is not usable here: " + usable.detail + "; " + usable.next_step};
  }
  return facts;
}

Result<std::unique_ptr<Machine>> QemuHypervisor::start(const MachineSpec& spec, Deadline deadline) {
  if (auto valid = check(spec); !valid) return valid.error();
  if (auto made = make_run_dir(spec.run_dir); !made) return made.error();
  const RunDir paths(spec.run_dir);
  auto holder = take_lock(paths.holder);
  if (!holder) return holder.error().at(spec.name + " is held by another process");
  if (auto there = check_files(spec); !there) return there.error();
  auto facts = facts_for(spec, deadline);
  if (!facts) return facts.error();
  const std::uint64_t log_start = file_size(paths.log);
  auto process = launcher_->launch(spec, *facts, deadline);
  if (!process) return process.error();
  return hold(spec, *process, std::move(*holder), log_start, deadline);
}

Result<std::unique_ptr<Machine>> QemuHypervisor::hold(const MachineSpec& spec, std::shared_ptr<WatchedProcess> process,
                                                      UniqueFd holder_lock, std::uint64_t log_start,
                                                      Deadline deadline) {
  auto machine = std::make_unique<QemuMachine>(
      QemuMachine::Hold{spec, process, std::move(holder_lock), log_start}, settings_);
  const Status begun = machine->begin(deadline);
  if (begun) return std::unique_ptr<Machine>(std::move(machine));
  const bool ended = begun.error().code != Code::deadline_exceeded && process->wait_end(clock_now() + ending);
  const std::string words = last_words(RunDir(spec.run_dir).log, log_start);
  if (ended) return understand(process->how_it_ended(), words).at(spec.name);
  process->signal(SIGKILL);
  if (!process->wait_end(clock_now() + ending)) {
    return Error{Code::deadline_exceeded, "QEMU did not come up, and the kernel has not let go of it"};
  }
  return Error{Code::unavailable, spec.name + ": QEMU did not come up: " + begun.error().message +
                                      (words.empty() ? "" : "; " + words)};
}

Result<std::unique_ptr<Machine>> QemuHypervisor::attach(const MachineSpec& spec, Deadline deadline) {
  const RunDir paths(spec.run_dir);
  auto process = launcher_->find(spec, deadline);
  // Between its lock and its pid a QEMU that is being started has microseconds; nobody tells when they are over.
  while (!process && process.error().code == Code::unavailable && clock_now() < deadline) {
    std::this_thread::sleep_for(find_pace);
    process = launcher_->find(spec, deadline);
  }
  if (!process) return process.error();
  auto holder = take_lock(paths.holder);
  if (!holder) return holder.error().at(spec.name + " is held by another process");
  auto machine = std::make_unique<QemuMachine>(
      QemuMachine::Hold{spec, *process, std::move(*holder), file_size(paths.log)}, settings_);
  const Status begun = machine->begin(deadline);
  if (begun) return std::unique_ptr<Machine>(std::move(machine));
  // A VM that runs is not ended because its monitor is slow.
  if ((*process)->wait_end(clock_now())) return Error{Code::not_found, spec.name + ": " + (*process)->how_it_ended()};
  return begun.error().at(spec.name);
}

Status QemuHypervisor::create_disk(const std::string& path, const std::string& backing, Bytes size, Deadline deadline) {
  auto program = find_program(settings_.qemu_img);
  if (!program) return program.error();
  return make_disk(*program, path, backing, size, deadline);
}

std::vector<Capability> QemuHypervisor::probe(Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (probed_) return *probed_;
  }
  const Capability usable = kvm(deadline, true);
  std::vector<Capability> all{usable};
  for (Capability& found : try_a_machine(*this, settings_, usable.works, deadline)) all.push_back(std::move(found));
  all.push_back(find_out_tap());
  const std::lock_guard lock(mutex_);
  probed_ = all;
  return all;
}

}  // namespace neonvm::qemu
