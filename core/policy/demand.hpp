// demand: what one sample says that the guest wanted.
//
// Called by the policies that look at more than load averages. Pure. Absent and broken figures are none, never zero.
#pragma once

#include <optional>

#include "core/model/metrics.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::policy {

// CPUs that the guest wanted in the sample's interval: those that were busy; while tasks waited for a CPU (PSI "some" of
// the interval above 5 %, or all CPUs busy), the tasks that want one, if they are more. /proc/stat's procs_running counts
// those that run and those that wait (proc(5)), at an instant, so it counts only with waiting that lasted; and not while
// the host takes more than a tenth of the CPUs for others (steal): then the guest waits for the host, and a further
// virtual CPU would wait beside it. None: the sample does not tell.
std::optional<double> cpu_demand(const GuestSample& sample);

// Bytes that cannot be given back: MemTotal - MemAvailable, or, when the split is known and says more, what is neither
// free nor a file's page nor reclaimable slab; and what lies in swap, for it wants to come back.
std::optional<double> memory_need(const GuestSample& sample);

// Bytes of file pages, droppable at the price of reading them again; 0 if the sample does not tell.
double file_cache(const GuestSample& sample);

// Tasks wait for memory: PSI "some" of memory above 5 % of the interval; or pages come back that were just dropped
// (workingset_refault above 1000 a second) or come from swap (above 200 a second) while somebody waits (above 1 %): a
// scan of a large file alone makes nobody wait.
bool waits_for_memory(const GuestSample& sample);

}  // namespace neonvm::policy
