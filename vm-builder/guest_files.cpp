#include "vm-builder/guest_files.hpp"

#include <elf.h>

#include <cstring>

#include "vm-builder/accounts.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

constexpr std::size_t largest_program = std::size_t{256} << 20U;
constexpr std::size_t largest_table = std::size_t{16} << 20U;

std::string text_in(const Tree& tree, Spool& spool, const char* path) {
  const Inode* inode = tree.find(path);
  if (inode == nullptr || inode->type != FileType::regular || inode->size > largest_table) return "";
  return spool.text(inode->data, inode->size).value_or("");
}

Result<wire::WorkloadCheck> check_of(const Healthcheck& from) {
  wire::WorkloadCheck check;
  check.argv = from.test;
  if (from.test.front() == "CMD-SHELL") {
    check.argv = {"/bin/sh", "-c", from.test.size() > 1 ? from.test[1] : ""};
  } else if (from.test.front() == "CMD") {
    check.argv.erase(check.argv.begin());
  }
  if (check.argv.empty()) return Error{Code::invalid_argument, "the image's Healthcheck has no command"};
  if (from.interval > Duration{}) check.interval = from.interval;
  if (from.timeout > Duration{}) check.timeout = from.timeout;
  check.start_period = from.start_period;
  if (from.retries > 0 && from.retries < 1'000'000) check.retries = static_cast<std::int32_t>(from.retries);
  return check;
}

Status put_text(Tree& tree, Spool& spool, const std::string& path, std::string_view text, std::uint32_t mode) {
  Inode inode;
  inode.type = FileType::regular;
  inode.mode = mode;
  inode.data = spool.size();
  inode.size = text.size();
  if (auto put = spool.append(text); !put) return put;
  return tree.add(path, std::move(inode));
}

Status put_folder(Tree& tree, const std::string& path, std::uint32_t mode) {
  if (tree.find(path) != nullptr) return {};
  Inode inode;
  inode.mode = mode;
  return tree.add(path, std::move(inode));
}

std::string machine_of(const Elf64_Ehdr& head) {
  return head.e_machine == EM_X86_64 ? "amd64" : head.e_machine == EM_AARCH64 ? "arm64" : "ELF machine " + std::to_string(head.e_machine);
}

// The static program: a dynamic one would need libraries that the image may not have.
Status check_program(const std::string& path, std::string_view bytes, const std::string& architecture) {
  Elf64_Ehdr head{};
  if (bytes.size() < sizeof head || !bytes.starts_with("\x7f" "ELF")) {
    return Error{Code::invalid_argument, in_quotes(path) + ": is no program; give the static neonvm of the guest build"};
  }
  std::memcpy(&head, bytes.data(), sizeof head);
  if (!architecture.empty() && machine_of(head) != architecture) {
    return Error{Code::invalid_argument, in_quotes(path) + ": is for " + machine_of(head) + ", and the image for " + architecture +
                                             "; give the static neonvm of an " + architecture + " build: --init FILE"};
  }
  for (std::size_t i = 0; i < head.e_phnum; ++i) {
    const std::size_t at = head.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr part{};
    if (at > bytes.size() || bytes.size() - at < sizeof part) break;
    std::memcpy(&part, bytes.data() + at, sizeof part);
    if (part.p_type != PT_INTERP) continue;
    return Error{Code::invalid_argument, in_quotes(path) + ": is linked dynamically; build the guest's: cmake --preset guest"};
  }
  return {};
}

Status check_shell(const Spec& spec, const Tree& tree) {
  const bool wanted = !spec.commands.empty() || !spec.shutdown_hook.empty();
  if (!wanted || tree.find("bin/sh") != nullptr || tree.find("usr/bin/sh") != nullptr) return {};
  return Error{Code::invalid_argument, "the spec's commands and shutdownHook are run by /bin/sh, which this image does not have; take an "
                                       "image with a shell, or leave them out and say what to run with --cmd"};
}

}  // namespace

Result<wire::Workload> make_workload(const ImageConfig& config, const Spec& spec, const Tree& tree, Spool& spool) {
  const std::string passwd = text_in(tree, spool, "/etc/passwd"), group = text_in(tree, spool, "/etc/group");
  auto account = find_account(config.user, passwd, group);
  if (!account) return account.error();
  wire::Workload workload;
  workload.entrypoint = config.entrypoint;
  workload.cmd = config.cmd;
  workload.env = config.env;
  workload.user = account->name;
  workload.home = account->home;
  workload.uid = account->uid;
  workload.gid = account->gid;
  workload.groups = account->groups;
  if (!config.workdir.empty()) workload.workdir = config.workdir;
  if (!config.stop_signal.empty()) workload.stop_signal = config.stop_signal;
  if (auto number = wire::signal_number(workload.stop_signal); !number) return number.error().at("the image's StopSignal");
  workload.ports = config.ports;
  if (config.healthcheck) {
    auto check = check_of(*config.healthcheck);
    if (!check) return check.error();
    workload.healthcheck = *check;
  }
  if (auto runnable = check_shell(spec, tree); !runnable) return runnable.error();
  for (wire::WorkloadCommand command : spec.commands) {
    auto owner = find_account(command.user, passwd, group);
    if (!owner && command.user != "root") return owner.error().at("the spec's command " + in_quotes(command.name));
    if (owner) command.uid = owner->uid, command.gid = owner->gid, command.groups = owner->groups;
    workload.commands.push_back(std::move(command));
  }
  workload.shutdown_hook = spec.shutdown_hook;
  return workload;
}

Status add_guest_files(const wire::Workload& workload, const std::string& program, const std::string& architecture, Tree& tree,
                       Spool& spool) {
  tree.begin_layer("neonvm's own files");
  for (const char* point : {"proc", "sys", "dev", "run", "neonvm/bin"}) {
    if (auto put = put_folder(tree, point, 0755); !put) return put;
  }
  if (auto put = put_folder(tree, "tmp", 01777); !put) return put;
  if (auto put = put_text(tree, spool, wire::workload_path, encode(workload), 0644); !put) return put;
  if (tree.find("etc/hosts") == nullptr) {
    auto put = put_text(tree, spool, "etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n", 0644);
    if (!put) return put;
  }
  if (program.empty()) return {};
  auto bytes = read_file(program, largest_program);
  if (!bytes) return bytes.error();
  if (auto checked = check_program(program, *bytes, architecture); !checked) return checked;
  if (auto put = put_text(tree, spool, "neonvm/bin/neonvm", *bytes, 0755); !put) return put;
  if (auto linked = tree.link("neonvm/bin/init", "neonvm/bin/neonvm"); !linked) return linked;
  if (tree.find("sbin/init") != nullptr) return {};
  Inode init;
  init.type = FileType::symlink;
  init.mode = 0777;
  init.target = "/neonvm/bin/init";
  return tree.add("sbin/init", std::move(init));
}

}  // namespace neonvm::builder
