// Leases of the door: one conditional write by who holds one; before that, one read.
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

Result<LeaseRecord> K8sOrchestrator::write_lease(const LeaseRecord& before, const std::string& name, const std::string& holder,
                                                 Duration ttl, Deadline deadline) {
  const bool fresh = before.version.empty();
  const WallTime wall = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  ApiRequest request{"write Lease " + name, fresh ? "POST" : "PUT", lease_path(pod_.own_namespace, fresh ? "" : name),
                     encode_lease(before, pod_.own_namespace, name, holder, ttl, wall)};
  const auto written = client_->call(request, deadline);
  if (!written) return written.error();
  auto record = decode_lease(*written);
  return record ? record : record.error().at(request.what);
}

// Who holds a lease renews it with one call: two take a busy server twice as long, and the lease does not last for ever.
Result<bool> K8sOrchestrator::hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline deadline) {
  if (Status named = check_name(name); !named) return named.error();
  if (holder.empty()) return Error{Code::invalid_argument, "lease \"" + name + "\": a holder has a name"};
  const auto lost_race = [](Code code) { return code == Code::conflict || code == Code::already_exists || code == Code::not_found; };
  std::optional<LeaseRecord> own;
  {
    const std::lock_guard lock(lease_mutex_);
    own = leases_.take_written(name, holder);
  }
  if (own) {
    const auto renewed = write_lease(*own, name, holder, ttl, deadline);
    if (renewed) return held(name, *renewed);
    if (!lost_race(renewed.error().code)) return renewed.error();
  }
  auto seen = read_lease(name, deadline);
  if (!seen) return seen.error();
  {
    const std::lock_guard lock(lease_mutex_);
    if (!leases_.may_take(name, *seen, holder, std::chrono::steady_clock::now())) return false;
  }
  const auto written = write_lease(*seen, name, holder, ttl, deadline);
  if (written) return held(name, *written);
  // Somebody was quicker; whoever it was holds it now.
  if (lost_race(written.error().code)) return false;
  return written.error();
}

bool K8sOrchestrator::held(const std::string& name, const LeaseRecord& written) {
  const std::lock_guard lock(lease_mutex_);
  leases_.wrote(name, written);
  return true;
}

Status K8sOrchestrator::release_lease(const std::string& name, const std::string& holder, Deadline deadline) {
  auto seen = read_lease(name, deadline);
  if (!seen) return seen.error();
  if (seen->version.empty() || seen->holder != holder) return {};
  const auto written = write_lease(*seen, name, "", std::chrono::seconds(1), deadline);
  return written || written.error().code == Code::conflict ? Status{} : written.error();
}

}  // namespace neonvm::k8s
