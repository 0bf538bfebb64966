// AgentMetrics: what an agent counts of the changes of size that it asks for, under upstream's names (autoscaling.md 9.1).
//
// Used by VmScaler. Loop thread only; holds the registry, and what is counted at every sample. Texts of errors are no labels: there are as many as one
// likes. What upstream tells of a monitor is told here of the guest, which is reached through the VM's runner.
#pragma once

#include <optional>
#include <string>

#include "core/decide/scaling.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

// "inc", "dec", "both" or "none".
const char* direction_of(const Resources& from, const Resources& to);

class AgentMetrics {
 public:
  explicit AgentMetrics(runtime::MetricsRegistry& metrics);

  // At zero, what an alert rule takes the rate of.
  void prepare() const;
  void started() const;
  void looked() const;                     // asked the state machine what is next
  void permit_asked(const decide::AskPermit& deed) const;
  // permit: what was given; none: the error counts.
  void permit_answered(const decide::AskPermit& deed, const Resources* permit, Code code) const;
  void size_asked(const Resources& from, const Resources& to) const;
  void size_answered(const Status& answer) const;
  // Of a shrink: may it be done; of a growth: it has been done.
  void guest_asked(const Resources& from, const Resources& to) const;
  void guest_agreed(const Resources& from, const Resources& to) const;
  void guest_refused(const Resources& from, const Resources& to) const;
  void guest_failed(const Resources& from, const Resources& to, Code code) const;
  void guest_wants() const;

 private:
  using Family = runtime::MetricFamily;
  void change(const Family& cpu, const Family& memory, const Resources& from, const Resources& to) const;

  runtime::MetricsRegistry& metrics_;
  const runtime::Counter looks_;
};

}  // namespace neonvm::daemon
