#include "guest/init/workload_plan.hpp"

#include <unistd.h>

#include <csignal>

#include "guest/file_text.hpp"
#include "guest/init/say.hpp"

namespace neonvm::guest {
namespace {

ServicePlan shell_plan(const std::string& name, const std::string& text, bool restart) {
  ServicePlan plan;
  plan.name = name;
  plan.argv = {"/bin/sh", "-c", text};
  plan.restart = restart;
  return plan;
}

}  // namespace

bool on_built_disk() { return ::access(wire::workload_path, F_OK) == 0; }

std::optional<wire::Workload> read_workload() {
  const auto text = read_text(wire::workload_path);
  if (!text) return std::nullopt;
  auto workload = wire::decode_workload(*text);
  if (workload) return std::move(*workload);
  say(workload.error().at(wire::workload_path).message);
  return std::nullopt;
}

ServicePlan workload_service(const wire::Workload& workload) {
  ServicePlan plan;
  plan.name = "workload";
  plan.argv = workload.entrypoint;
  plan.argv.insert(plan.argv.end(), workload.cmd.begin(), workload.cmd.end());
  plan.env = {"HOME=" + workload.home, "USER=" + workload.user};
  plan.env.insert(plan.env.end(), workload.env.begin(), workload.env.end());
  plan.stop_signal = wire::signal_number(workload.stop_signal).value_or(SIGTERM);
  plan.workdir = workload.workdir;
  plan.owner = Owner{workload.uid, workload.gid, workload.groups};
  return plan;
}

std::vector<ServicePlan> command_services(const wire::Workload& workload, const std::string& action) {
  std::vector<ServicePlan> plans;
  for (const wire::WorkloadCommand& command : workload.commands) {
    if (command.action != action) continue;
    ServicePlan plan = shell_plan(command.name, command.shell, action == "respawn");
    plan.owner = Owner{command.uid, command.gid, command.groups};
    plans.push_back(std::move(plan));
  }
  return plans;
}

std::optional<ServicePlan> shutdown_hook(const wire::Workload& workload) {
  if (workload.shutdown_hook.empty()) return std::nullopt;
  return shell_plan("shutdown hook", workload.shutdown_hook, false);
}

}  // namespace neonvm::guest
