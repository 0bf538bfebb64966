// GuestPlan as the guest reads it: one JSON document in QEMU's firmware configuration device (fw_cfg), which every guest
// has from its first moment, without a disk, a network or a word of the host. Unknown members are passed over: host and
// guest may be of different ages. The text is ASCII.
#pragma once

#include <string>
#include <string_view>

#include "core/model/guest_plan.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

constexpr const char* guest_plan_item = "opt/dev.neonvm.plan";
constexpr const char* guest_plan_file = "/sys/firmware/qemu_fw_cfg/by_name/opt/dev.neonvm.plan/raw";

Result<GuestPlan> decode_guest_plan(std::string_view json);
std::string encode(const GuestPlan& plan);

}  // namespace neonvm::wire
