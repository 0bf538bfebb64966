// neonvm doctor: what works on this machine, and the next step for each thing that does not.
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"

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

Capability look_at_serve(Context& context) {
  std::error_code error;
  if (!std::filesystem::exists(context.serve_socket(), error)) {
    return good("control plane", "not running; the first neonvm run starts it");
  }
  return good("control plane", context.serve_socket());
}

Capability look_at_cgroups() {
  std::ifstream controllers("/sys/fs/cgroup/cgroup.controllers");
  std::string words;
  if (!controllers || !std::getline(controllers, words)) {
    return bad("cgroups", "no cgroup v2 at /sys/fs/cgroup",
               "boot with systemd.unified_cgroup_hierarchy=1; only CPU quotas need it");
  }
  const bool writable = access("/sys/fs/cgroup/cgroup.subtree_control", W_OK) == 0;
  if (words.find("cpu") == std::string::npos || !writable) {
    return bad("cgroups", "v2, but the cpu controller is not ours",
               "run as root or in a delegated slice; only CPU quotas need it");
  }
  return good("cgroups", "v2 with cpu");
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
    all.push_back(look_at_serve(context));
    all.push_back(look_at_cgroups());
  }
  if (output == "json") {
    std::cout << as_json(all);
    return 0;
  }
  Table table({"WHAT", "WORKS", "DETAIL", "NEXT STEP"});
  for (const Capability& one : all) {
    table.row({one.name, paint(one.works ? Colour::good : Colour::warn, one.works ? "yes" : "no"), one.detail,
               one.next_step});
  }
  table.print();
  return 0;
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
