// Leases of the door: one read and, where that allows it, one conditional write.
#include "plugins/orchestrator-k8s/k8s_orchestrator.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {

Result<LeaseRecord> K8sOrchestrator::read_lease(const std::string& name, Deadline deadline) {
  ApiRequest request;
  request.what = "get Lease " + name;
  request.target = lease_path(pod_.own_namespace, name);
  auto body = client_->call(request, deadline);
  if (!body) return body.error().code == Code::not_found ? Result<LeaseRecord>(LeaseRecord{}) : body.error();
  auto record = decode_lease(*body);
  return record ? record : record.error().at(request.what);
}

Status K8sOrchestrator::write_lease(const LeaseRecord& before, const std::string& name, const std::string& holder,
                                    Duration ttl, Deadline deadline) {
  const bool fresh = before.version.empty();
  const WallTime wall = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  ApiRequest request{"write Lease " + name, fresh ? "POST" : "PUT", lease_path(pod_.own_namespace, fresh ? "" : name),
                     encode_lease(before, pod_.own_namespace, name, holder, ttl, wall)};
  const auto written = client_->call(request, deadline);
  return written ? Status{} : written.error();
}

Result<bool> K8sOrchestrator::hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline deadline) {
  if (Status named = check_name(name); !named) return named.error();
  if (holder.empty()) return Error{Code::invalid_argument, "lease \"" + name + "\": a holder has a name"};
  auto seen = read_lease(name, deadline);
  if (!seen) return seen.error();
  {
    const std::lock_guard lock(lease_mutex_);
    if (!leases_.may_take(name, *seen, holder, std::chrono::steady_clock::now())) return false;
  }
  const Status written = write_lease(*seen, name, holder, ttl, deadline);
  if (written) return true;
  // Somebody was quicker; whoever it was holds it now.
  const Code code = written.error().code;
  if (code == Code::conflict || code == Code::already_exists || code == Code::not_found) return false;
  return written.error();
}

Status K8sOrchestrator::release_lease(const std::string& name, const std::string& holder, Deadline deadline) {
  auto seen = read_lease(name, deadline);
  if (!seen) return seen.error();
  if (seen->version.empty() || seen->holder != holder) return {};
  const Status written = write_lease(*seen, name, "", std::chrono::seconds(1), deadline);
  return written || written.error().code == Code::conflict ? Status{} : written;
}

}  // namespace neonvm::k8s
