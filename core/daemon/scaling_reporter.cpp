#include "core/daemon/scaling_reporter.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/daemon/vm_metrics.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/usage.hpp"

namespace neonvm::daemon {

namespace {

constexpr double threshold = 0.25;         // units; upstream's
constexpr Duration retry = std::chrono::seconds(1);
constexpr std::size_t most_at_once = 100;  // lines of one write
constexpr std::size_t most_told = 10000;   // VMs that came and went

}  // namespace

ScalingReporter::ScalingReporter(runtime::Loop& loop, const World& world, runtime::MetricsRegistry& metrics, std::shared_ptr<EventSpool> spool,
                                 ScalingReporterSettings settings, std::function<void()> committed)
    : loop_(loop), world_(world), metrics_(metrics), spool_(std::move(spool)), settings_(std::move(settings)), committed_(std::move(committed)) {}

void ScalingReporter::start() {
  metrics_.counter(families::event_refusals, {"scaling"});
  for (const char* kind : {"actual", "hypothetical"}) metrics_.gauge(families::up_scaling_events, {kind}).set(0);
  spool_->release();
  committed_();
  seal();
}

void ScalingReporter::heard(const ScalingNews& news) {
  const Object* vm = world_.find(Kind::virtual_machine, news.vm);
  if (vm == nullptr) return;
  const auto units = [this](const Resources& size) { return units_in(size, settings_.compute_unit) * settings_.cu_multiplier; };
  const Told now{units(news.target), units({news.target.cpu, {}}), units({{}, news.target.memory})};
  if (news.hypothetical) {
    if (told_.size() > most_told) told_.clear();
    const auto before = told_.find(vm->uid);
    const bool same = before != told_.end() && before->second.target == now.target && std::abs(before->second.cpu - now.cpu) < threshold &&
                      std::abs(before->second.memory - now.memory) < threshold;
    if (same) return;
    told_[vm->uid] = now;
  }
  wire::ScalingEvent event;
  event.at = loop_.wall();
  event.region = settings_.region;
  const auto endpoint = vm->labels.find(endpoint_label);
  event.endpoint = endpoint == vm->labels.end() ? "" : endpoint->second;
  event.hypothetical = news.hypothetical;
  event.current_cu = std::llround(1000 * units(news.current));
  event.target_cu = std::llround(1000 * now.target);
  if (news.hypothetical) event.goal = {{"cpu", now.cpu}, {"mem", now.memory}};
  const char* kind = news.hypothetical ? "hypothetical" : "actual";
  metrics_.gauge(families::up_scaling_events, {kind}).set(++counts_[kind]);
  lines_.push_back(wire::encode(event));
  while (lines_.size() > most_waiting) lines_.pop_front();
  write();
}

void ScalingReporter::write() {
  if (writing_ || lines_.empty() || retry_.pending()) return;
  writing_ = true;
  // What waits may be more than an empty spool takes.
  const auto end = lines_.begin() + static_cast<std::ptrdiff_t>(std::min(lines_.size(), most_at_once));
  std::vector<std::string> lines(lines_.begin(), end);
  lines_.erase(lines_.begin(), end);
  loop_.off_loop([spool = spool_, lines] { return spool->append(lines); },
                 [this, weak = std::weak_ptr(alive_), lines](const Status& status) {
                   if (weak.expired()) return;
                   writing_ = false;
                   if (status) {
                     complained_.clear();
                     return write();
                   }
                   metrics_.counter(families::event_refusals, {"scaling"}).add();
                   if (complained_ != status.error().message) runtime::log_error("events", "cannot be written down", {{"stream", "scaling"}, {"why", status.error().message}});
                   complained_ = status.error().message;
                   lines_.insert(lines_.begin(), lines.begin(), lines.end());
                   retry_ = loop_.after(retry, [this] { write(); });
                 });
}

void ScalingReporter::seal() {
  loop_.off_loop(
      [spool = spool_, now = loop_.wall()] {
        auto sealed = spool->seal(now);
        spool->release();
        return sealed;
      },
      [this, weak = std::weak_ptr(alive_)](const Result<bool>& sealed) {
        if (weak.expired()) return;
        if (!sealed) runtime::log_error("events", "cannot be closed as a batch", {{"why", sealed.error().message}});
        if (sealed && *sealed) committed_();
        timer_ = loop_.after(settings_.push_every, [this] { seal(); });
      });
}

}  // namespace neonvm::daemon
