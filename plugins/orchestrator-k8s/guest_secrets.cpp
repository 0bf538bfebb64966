#include "plugins/orchestrator-k8s/guest_secrets.hpp"

#include <algorithm>

#include "core/wire/vm_tls.hpp"
#include "plugins/orchestrator-k8s/ssh_secret.hpp"
#include "plugins/orchestrator-k8s/vm_certificates.hpp"

namespace neonvm::k8s {
namespace {

// Names that no disk of a user's can have (neonvm.md 1.4), and where they are in the runner's pod.
constexpr const char* ssh_name = "ssh-authorized-keys";
constexpr const char* tls_name = "tls";
constexpr const char* ssh_source = "/neonvm/ssh";
constexpr const char* tls_source = "/neonvm/tls";
constexpr const char* ssh_mount_path = "/mnt/ssh";  // upstream's

bool has(const MachineSpec& machine, const std::string& source) {
  return std::any_of(machine.files.begin(), machine.files.end(), [&](const MachineFiles& files) { return files.source == source; });
}

void add(MachineSpec& machine, MachineFiles files, const std::string& path) {
  GuestMount mount;
  mount.kind = MountKind::files;
  mount.name = files.name;
  mount.path = path;
  mount.read_only = true;
  mount.secret = files.secret;
  // Before those that are mounted in it.
  const auto depth = [](const std::string& of) { return std::count(of.begin(), of.end(), '/'); };
  auto& mounts = machine.guest.mounts;
  const auto deeper = [&](const GuestMount& other) { return depth(other.path) > depth(path); };
  mounts.insert(std::find_if(mounts.begin(), mounts.end(), deeper), std::move(mount));
  machine.files.push_back(std::move(files));
}

}  // namespace

Status add_guest_secrets(const Json& vm_spec, RunnerRole role, MachineSpec& machine) {
  if (role == RunnerRole::target) return {};
  const auto tls = wire::read_tls_wish(dump(vm_spec));
  if (!tls) return tls.error();
  if (wants_ssh(vm_spec) && !has(machine, ssh_source)) {
    MachineFiles keys;
    keys.name = ssh_name;
    keys.source = ssh_source;
    keys.items = {{"authorized_keys", "authorized_keys", 0644}};
    add(machine, std::move(keys), ssh_mount_path);
  }
  if (*tls && !has(machine, tls_source)) {
    MachineFiles files;
    files.name = tls_name;
    files.source = tls_source;
    files.secret = files.watch = true;
    files.mode = 0400;
    add(machine, std::move(files), (*tls)->mount_path);
  }
  return {};
}

void mount_guest_secrets(const MachineSpec& machine, const std::string& vm, Json& volumes, Json& mounts) {
  const auto secret = [&](const char* volume, const std::string& name, const char* source, Json items) {
    Json from = {{"secretName", name}};
    if (!items.empty()) from["items"] = std::move(items);
    volumes.push_back({{"name", volume}, {"secret", std::move(from)}});
    mounts.push_back({{"name", volume}, {"mountPath", source}, {"readOnly", true}});
  };
  // The private half is nobody's in the pod.
  if (has(machine, ssh_source))
    secret("ssh-publickey", ssh_secret_name(vm), ssh_source, Json::array({{{"key", ssh_public_key}, {"path", "authorized_keys"}}}));
  if (has(machine, tls_source)) secret("tls", tls_secret_name(vm), tls_source, Json::array());
}

void name_secrets(const Json& vm_spec, const std::string& vm, Json& status) {
  if (!status.is_object() || text_at(status, "/podName").empty()) return;
  const auto set = [&status](const char* key, bool there, const std::string& name) {
    if (there) status[key] = name;
    else status.erase(key);
  };
  set("sshSecretName", wants_ssh(vm_spec), ssh_secret_name(vm));
  set("tlsSecretName", vm_spec.is_object() && vm_spec.value("tls", Json()).is_object(), tls_secret_name(vm));
}

}  // namespace neonvm::k8s
