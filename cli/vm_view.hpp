// VmView: a VirtualMachine object with its spec and status read, and the words in which commands speak of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/output.hpp"
#include "cli/runner_reach.hpp"
#include "core/model/vm.hpp"

namespace neonvm::cli {

struct VmView {
  Object object;
  VmSpec spec;
  VmStatus status;
};

Result<VmView> view_of(Object object);
Result<VmView> find_vm(Context& context, const std::string& name);
Result<std::vector<VmView>> all_vms(Context& context);

// "Running", coloured; "Pending (no node has 4 CPU free)".
std::string status_text(const VmView& vm);
std::string size_text(const VmView& vm);       // "1 of 0.5..4"
std::string memory_text(const VmView& vm);

// Changes the VM's spec with `change`, reading again and repeating on conflict. `change` may refuse.
Result<VmView> edit_vm(Context& context, const std::string& name, const std::function<Status(VmSpec&)>& change);

// Blocks until `arrived` is true for the VM, telling `progress`; deadline_exceeded with what is still missing.
// `arrived` answers "" when there, otherwise what is being waited for; a failed VM ends the wait with an error.
Result<VmView> wait_for(Context& context, const std::string& name, Duration limit,
                        const std::function<std::string(const VmView&)>& arrived);
// Blocks until the object is gone.
Status wait_gone(Context& context, Kind kind, const std::string& name, Duration limit);

// The way to the VM's runner, or failed_precondition with the VM's phase and the next step.
Result<RunnerReach> runner_reach(Context& context, const VmView& vm);
// The same for a runner that is known to be there.
RunnerReach reach_of(Context& context, const VmView& vm);

// "512Mi..4Gi" -> min, max; "1Gi" -> both. The error names `option`.
template <typename T>
struct Range {
  T least, most;
};
Result<Range<MilliCpu>> parse_cpu_range(const std::string& option, const std::string& text);
Result<Range<Bytes>> parse_memory_range(const std::string& option, const std::string& text);
Result<Duration> parse_duration(const std::string& option, const std::string& text);  // "10s", "2m", "500ms", "90"

}  // namespace neonvm::cli
