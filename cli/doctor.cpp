// neonvm doctor: what works on this machine, and the next step for each thing that does not. Ends with 1 when a VM
// cannot run here; what only makes it slower or less comfortable is told and is no failure.
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/daemon/cpu_quota.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

namespace {

Capability good(const std::string& name, const std::string& detail) { return {name, true, detail, ""}; }
Capability bad(const std::string& name, const std::string& detail, const std::string& next) {
  return {name, false, detail, next};
}

Capability look_at_home(Context& context) {
  auto store = context.orchestrator();
  if (!store) return bad("home", store.error().message, "give another place: --home DIR or $NEONVM_HOME");
  auto config = context.config();
  struct statvfs info {};
  if (statvfs((*config)->home.c_str(), &info) != 0) return good("home", (*config)->home);
  const Bytes left{static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize};
  if (left.value < gib) return bad("home", (*config)->home + ": only " + human(left) + " left", "free some disk space");
  return good("home", (*config)->home + ", " + human(left) + " free");
}

Capability look_at_guest(Context& context) {
  auto guest = context.default_guest();
  if (!guest) return bad("default guest", "not built", guest.error().message);
  return good("default guest", guest->kernel);
}

// Written beside the kernel by scripts/guest-image: its release, and what a guest with it cannot do. A kernel of the user's
// own comes without, and nothing is said of it.
std::optional<Capability> look_at_kernel(Context& context) {
  auto guest = context.default_guest();
  if (!guest) return std::nullopt;
  const std::filesystem::path folder = std::filesystem::path(guest->kernel).parent_path();
  std::ifstream release_file(folder / "release"), lost_file(folder / "lost");
  std::string release, lost;
  if (!std::getline(release_file, release) || !lost_file) return std::nullopt;
  for (std::string line; std::getline(lost_file, line);) lost += (lost.empty() ? "" : "; ") + line;
  if (lost.empty()) return good("guest kernel", release);
  return bad("guest kernel", release + ": " + lost, "kernel/build.sh builds one with all of it; then scripts/guest-image");
}

Capability look_at_serve(Context& context) {
  const std::string socket = context.serve_socket();
  std::error_code error;
  if (!std::filesystem::exists(socket, error)) return good("control plane", "not running; the first neonvm run starts it");
  runtime::HttpRequest request;
  request.method = "GET";
  request.target = "/v1/health";
  const auto answer = runtime::http_call({runtime::Endpoint::Scheme::unix_socket, socket, 0}, request,
                                         std::chrono::steady_clock::now() + std::chrono::seconds(2));
  if (answer) return good("control plane", "answers at " + socket);
  return good("control plane", "has ended; the next neonvm run starts it again");
}

std::string text_of(const std::string& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Capability look_at_cgroups() {
  const auto found = daemon::find_cpu_cgroup(text_of("/proc/self/cgroup"), text_of("/proc/self/mountinfo"));
  if (!found) return bad("cgroups", found.error().message, "mount one; only CPU quotas need it");
  const bool there = !found->unified || text_of(found->folder + "/cgroup.controllers").find("cpu") != std::string::npos;
  if (!there || access(found->folder.c_str(), W_OK) != 0) {
    return bad("cgroups", "the cpu controller of " + found->folder + " is not ours",
               "run as root, or in a group of your own (systemd-run --user --scope -p Delegate=yes); only CPU quotas need it");
  }
  return good("cgroups", std::string(found->unified ? "v2" : "v1") + " with cpu");
}

// What no VM runs without. Either kind of network is enough.
std::vector<std::string> missing(const std::vector<Capability>& all) {
  std::vector<std::string> names;
  bool network = false;
  for (const Capability& one : all) {
    const bool is_network = one.name == "user-network" || one.name == "tap";
    network = network || (is_network && one.works);
    for (const char* needed : {"hypervisor", "qemu", "virtio-mem", "home", "default guest"}) {
      if (one.name == needed && !one.works) names.push_back(one.name);
    }
  }
  if (!network) names.emplace_back("network");
  return names;
}

std::string as_json(const std::vector<Capability>& all) {
  std::string json = "[";
  for (const Capability& one : all) {
    json += (json.size() == 1 ? "" : ",") + std::string("{\"name\":") + json_string(one.name) + ",\"works\":" +
            (one.works ? "true" : "false") + ",\"detail\":" + json_string(one.detail) + ",\"nextStep\":" +
            json_string(one.next_step) + "}";
  }
  return json + "]\n";
}

Result<int> examine(Context& context, const std::string& output) {
  std::vector<Capability> all;
  {
    Progress progress;
    progress.say("trying what this machine can do");
    auto hypervisor = context.open_hypervisor();
    if (!hypervisor) {
      all.push_back(bad("hypervisor", hypervisor.error().message, "see: neonvm plugins"));
    } else {
      all = (*hypervisor)->probe(std::chrono::steady_clock::now() + std::chrono::seconds(30));
    }
    all.push_back(look_at_home(context));
    all.push_back(look_at_guest(context));
    if (auto kernel = look_at_kernel(context)) all.push_back(*kernel);
    all.push_back(look_at_serve(context));
    all.push_back(look_at_cgroups());
  }
  const std::vector<std::string> lacking = missing(all);
  const int code = lacking.empty() ? 0 : 1;
  if (output == "json") {
    std::cout << as_json(all);
    return code;
  }
  Table table({"WHAT", "WORKS", "DETAIL", "NEXT STEP"});
  for (const Capability& one : all) {
    table.row({one.name, paint(one.works ? Colour::good : Colour::warn, one.works ? "yes" : "no"), one.detail,
               one.next_step});
  }
  table.print();
  std::string names;
  for (const std::string& name : lacking) names += (names.empty() ? "" : ", ") + name;
  std::cerr << (lacking.empty() ? "VMs can run here.\n" : "VMs cannot run here yet: see " + names + ".\n");
  return code;
}

}  // namespace

Command doctor_command() {
  return {"doctor", "Setup", "Show what works on this machine, and the next step for what does not", [](Options& o) {
            auto output = std::make_shared<std::string>("table");
            o.choice("-o,--output", *output, {"table", "json"}, "How to print");
            return [output](Context& context) { return examine(context, *output); };
          }};
}

}  // namespace neonvm::cli
