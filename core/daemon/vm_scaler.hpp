// VmScaler: one VM that scales by itself: its samples, its policy, its state machine, and the deeds of all three.
//
// Owned by Agent. Loop thread only; the policy is called on it too (microseconds). What to do is decided by the policy
// (how much) and decide/scaling (in which order); here it is done: permits are asked, sizes written into the VM's object,
// the guest asked and told through the VM's runner. Lifetime: answers that come after its end are dropped; whoever comes
// next begins from the VM's object and its runner's report. Failure: a policy that cannot be opened or refuses keeps the
// VM at its size, and stands in the explanation.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/daemon/agent_metrics.hpp"
#include "core/daemon/node_headroom.hpp"
#include "core/daemon/permit_office.hpp"
#include "core/daemon/policy_score.hpp"
#include "core/daemon/runner_link.hpp"
#include "core/daemon/sample_window.hpp"
#include "core/daemon/scaling_diary.hpp"
#include "core/daemon/world.hpp"
#include "core/decide/scaling.hpp"
#include "core/model/vm.hpp"
#include "core/ports/policy.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/wire/explanation.hpp"
#include "core/wire/shadow_policies.hpp"

namespace neonvm::daemon {

using OpenPolicy = std::function<Result<std::unique_ptr<Policy>>(const std::string& name,
                                                                 const std::map<std::string, std::string>& options)>;

struct AgentSettings {
  std::string node;                                    // only VMs there; empty: all
  ScalingConfig config;                                // complete; what a VM says wins
  decide::ScalingSettings scaling;
  Duration samples_kept = std::chrono::minutes(2);     // the window that policies see
  Duration sample_valid = std::chrono::seconds(15);    // a guest that fell silent does not steer for ever
  Duration call_limit = std::chrono::seconds(10);      // of a write
  Duration guest_limit = std::chrono::seconds(5);      // of a question to the guest
};

// A size that is written into a VM, or one that its policy would like.
struct ScalingNews {
  std::string vm;
  bool hypothetical = false;
  Resources current, target;
};

// What every scaler works with.
struct AgentTools {
  runtime::Loop& loop;
  Orchestrator& orchestrator;
  World& world;
  PermitOffice& permits;
  runtime::MetricsRegistry& metrics;
  OpenPolicy open_policy;
  AgentSettings settings;
  std::function<void(const std::string& vm)> decided;  // a new decision stands in the diary
  // Its explanation as JSON; newer: not before there is a later decision, or for a while.
  std::function<void(const std::string& vm, std::optional<std::uint64_t> newer, std::function<void(std::string)> done)> explained;
  NodeHeadroom* headroom = nullptr;                    // null: everything is asked for
  std::function<AskId()> next_question;                // names a question for a permit; unnamed where nothing is lent
  std::function<void(const ScalingNews&)> scaling_news{};  // may be empty
};

class VmScaler {
 public:
  VmScaler(const AgentTools& tools, const Object& vm, const VmSpec& spec, const VmStatus& status);
  ~VmScaler();
  VmScaler(const VmScaler&) = delete;
  VmScaler& operator=(const VmScaler&) = delete;

  void vm_changed(const Object& vm, const VmSpec& spec, const VmStatus& status);
  [[nodiscard]] wire::Explanation explain() const;
  [[nodiscard]] std::uint64_t last_decision() const { return diary_.last(); }
  // Nothing moves it: its policy cannot be opened or refuses, or nobody in the guest answers.
  [[nodiscard]] bool stuck() const { return !problem_.empty() || !guest_; }
  // What the policy wished last, before any limit.
  [[nodiscard]] const std::optional<Resources>& unbounded() const { return unbounded_; }

 private:
  void adopt_runner(const VmStatus& status);
  void adopt_policy();
  void adopt_shadows(const Object& vm);
  void ask_shadows(const PolicyInput& input);
  void score(const GuestSample& sample);
  void reported(const wire::RunnerReport& report);
  void link_lost();
  void sampled(const wire::SamplePush& push);
  void wanted(const wire::WantPush& push);

  void ask_policy(const std::string& trigger);
  void act(const std::string& trigger);
  [[nodiscard]] bool start(const decide::Actions& actions);
  void note_growth(const wire::RunnerReport& report);
  void note_decision(const decide::Actions& actions, const std::string& trigger);
  void ask_permit(const decide::AskPermit& deed);
  [[nodiscard]] bool take_headroom(const Resources& wanted);
  void write_size(const decide::SizeDeed& deed);
  void look(std::uint64_t id);
  void ask_consent(const decide::SizeDeed& deed);
  void tell_grown(const decide::SizeDeed& deed);
  [[nodiscard]] decide::ScalingBounds bounds() const;
  [[nodiscard]] std::string node() const { return status_.node; }
  void explain_policies(wire::Explanation& all) const;
  void explain_otherwise(wire::Explanation& all) const;
  void show();

  // Kept, because they are set at every sample.
  struct Gauges {
    runtime::Gauge cpus, memory;
    Gauges(runtime::MetricsRegistry& metrics, const std::string& vm, const char* what);
    void set(const Resources& size) const;
  };

  AgentTools tools_;
  std::string name_, uid_;
  VmSpec spec_;
  VmStatus status_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::string runner_, endpoint_;
  std::unique_ptr<RunnerLink> link_;
  bool guest_ = false;

  std::unique_ptr<Policy> policy_;
  std::string policy_name_, problem_;
  std::map<std::string, std::string> policy_options_;
  ScalingConfig config_;
  // Run beside the VM's own policy, without effect.
  struct Shadow {
    wire::NamedPolicy wanted;
    std::unique_ptr<Policy> policy;
    std::string problem;
    std::vector<Because> because;
    PolicyScore score;
  };
  std::vector<Shadow> shadows_;
  std::string shadows_problem_;
  PolicyScore score_;                          // of the VM's own
  SampleWindow samples_;
  std::optional<GuestRequest> request_;

  std::optional<Resources> unbounded_;         // what the policy wished last, before any limit
  std::optional<decide::Scaling> scaling_;     // none while no runner is known
  AskId asked_{};                              // the last question for a permit
  ScalingDiary diary_;
  AgentMetrics counts_;
  std::optional<Gauges> shown_wish_, shown_asked_, shown_actual_, shown_permit_;
  std::optional<runtime::Gauge> shown_problem_;
  Instant signal_{};                           // when what is being thought about was heard
  runtime::Timer wake_, policy_timer_;
  bool acting_ = false, act_again_ = false;
};

}  // namespace neonvm::daemon
