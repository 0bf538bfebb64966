// A kernel from a container image (spec.guest.kernelImage; upstream's contract: the image has it as /vmlinuz). Pure.
//
// An init container of that image puts it into the pod. Its path there names the image, so that a machine that comes by migration
// begins with the kernel that its source was started with, whatever the VM's spec says by then.
#pragma once

#include "core/model/machine.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {

// The machine's kernel as the VM's spec has it, an image's name, becomes the path. What is a path already stays.
void place_kernel(MachineSpec& machine);
// The image of a kernel that place_kernel placed; empty: the kernel is the runner's image's own, or there is none.
std::string kernel_image_of(const MachineSpec& machine);
// Volume and init containers of the pod, and the mount of its runner, for a machine with such a kernel. door_image: that of the
// runner, which has the program that copies. pull_policy: the kernel image's.
void add_kernel(const MachineSpec& machine, const std::string& door_image, const std::string& pull_policy, Json& pod_spec);

}  // namespace neonvm::k8s
