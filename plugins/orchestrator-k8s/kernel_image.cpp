#include "plugins/orchestrator-k8s/kernel_image.hpp"

#include "core/model/pod_layout.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* volume = "kernel";
constexpr const char* folder = "/neonvm/kernel";     // in the runner
constexpr const char* tools = "/neonvm/tools";       // the same volume, in the init containers
constexpr const char* file = "/vmlinuz";             // in the image

Json least_privilege() {
  return {{"allowPrivilegeEscalation", false}, {"readOnlyRootFilesystem", true}, {"capabilities", {{"drop", {"ALL"}}}}};
}

Json mount(const char* at, bool read_only) {
  Json made = {{"name", volume}, {"mountPath", at}};
  if (read_only) made["readOnly"] = true;
  return made;
}

Json container(const char* name, const std::string& image, const std::string& policy, Json command, Json mounts) {
  return {{"name", name}, {"image", image}, {"imagePullPolicy", policy.empty() ? "IfNotPresent" : policy}, {"command", std::move(command)},
          {"resources", {{"requests", {{"cpu", "1m"}, {"memory", "4Mi"}}}, {"limits", {{"memory", "64Mi"}}}}},
          {"securityContext", least_privilege()}, {"volumeMounts", std::move(mounts)}};
}

}  // namespace

void place_kernel(MachineSpec& machine) {
  if (machine.kernel.empty() || machine.kernel.starts_with('/')) return;
  machine.kernel = std::string(folder) + "/" + machine.kernel + file;
}

std::string kernel_image_of(const MachineSpec& machine) {
  const std::string begin = std::string(folder) + "/", end = file;
  if (!machine.kernel.starts_with(begin) || !machine.kernel.ends_with(end)) return "";
  return machine.kernel.substr(begin.size(), machine.kernel.size() - begin.size() - end.size());
}

// Two: the kernel's image need not have anything but the kernel, so what copies it is brought along.
void add_kernel(const MachineSpec& machine, const std::string& door_image, const std::string& pull_policy, Json& pod_spec) {
  const std::string image = kernel_image_of(machine);
  if (image.empty()) return;
  const std::string at = std::string(folder) + "/" + image;
  pod_spec["volumes"].push_back({{"name", volume}, {"emptyDir", {{"sizeLimit", "256Mi"}}}});
  Json& init = pod_spec["initContainers"];
  if (!init.is_array()) init = Json::array();
  init.push_back(container("kernel-tools", door_image, "", {pod::image_door, "--copy", std::string(tools) + "/door"}, Json::array({mount(tools, false)})));
  init.push_back(container("init-kernel", image, pull_policy, {std::string(tools) + "/door", "--copy", file, tools + std::string(file)},
                           Json::array({mount(tools, false)})));
  for (Json& runner : pod_spec["containers"])
    if (text_at(runner, "/name") == "neonvm-runner") runner["volumeMounts"].push_back(mount(at.c_str(), true));
}

}  // namespace neonvm::k8s
