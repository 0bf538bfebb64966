#include "guest/health_check.hpp"

#include <algorithm>
#include <csignal>

#include "guest/init/workload_plan.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

constexpr std::size_t most_told = 200;
constexpr Duration first_pause = std::chrono::milliseconds(200);
constexpr Duration longest_start_pause = std::chrono::seconds(5);
constexpr Duration least_pause = std::chrono::milliseconds(100);  // whatever an image says

ChildOrder order_of(const wire::Workload& workload) {
  const ServicePlan plan = workload_service(workload);
  ChildOrder order;
  order.argv = workload.healthcheck->argv;
  for (const std::string& variable : plan.env) {
    const std::size_t cut = variable.find('=');
    if (cut != std::string::npos) order.env[variable.substr(0, cut)] = variable.substr(cut + 1);
  }
  order.owner = plan.owner;
  order.workdir = plan.workdir;
  return order;
}

}  // namespace

HealthRecord::HealthRecord(const wire::WorkloadCheck& check, Instant began)
    : interval_(std::max(check.interval, least_pause)),
      start_period_(check.start_period),
      retries_(std::max(check.retries, 1)),
      began_(began) {}

void HealthRecord::passed() {
  failures_ = 0;
  health_ = {Health::healthy, ""};
}

void HealthRecord::failed(const std::string& why, Instant now) {
  health_.why = why;
  if (health_.state == Health::starting) {
    ++checks_;
    if (now - began_ < start_period_) return;
  }
  ++failures_;
  // Asked more often than the image says until it is up, a starting workload has as long as the image gives it.
  const bool too_soon = health_.state == Health::starting && now - began_ < start_period_ + retries_ * interval_;
  if (failures_ >= retries_ && !too_soon) health_.state = Health::unhealthy;
}

Duration HealthRecord::pause() const {
  if (health_.state != Health::starting) return interval_;
  const Duration pause = first_pause * (1 << std::min(checks_, 5));
  return std::min({pause, longest_start_pause, interval_});
}

HealthCheck::HealthCheck(runtime::Loop& loop, const wire::Workload& workload, Changed changed)
    : loop_(loop),
      check_(*workload.healthcheck),
      order_(order_of(workload)),
      changed_(std::move(changed)),
      record_(check_, loop.now()) {}

HealthCheck::~HealthCheck() {
  if (process_) process_->signal(SIGKILL);
}

void HealthCheck::start() {
  const WorkloadHealth before = health();
  record_ = HealthRecord(check_, loop_.now());
  anew_ = process_ != nullptr;  // what runs now asks about the workload that has ended
  if (!process_) next_ = loop_.after(record_.pause(), [this] { run(); });
  if (!(health() == before)) changed_();
}

void HealthCheck::run() {
  said_.clear();
  late_ = anew_ = false;
  auto child = start_child(order_);
  if (!child) return judge(child.error().message);
  process_ = std::move(child->process);
  output_.follow(loop_, std::move(child->pipes.output));
  error_.follow(loop_, std::move(child->pipes.error));
  limit_ = loop_.after(check_.timeout, [this] {
    late_ = true;
    process_->signal(SIGKILL);
  });
  process_->on_exit(loop_, [this](int code) { ended(code); });
}

void HealthCheck::ended(int code) {
  limit_.cancel();
  output_.finish();
  error_.finish();
  process_.reset();
  if (anew_) {
    next_ = loop_.after(record_.pause(), [this] { run(); });
    return;
  }
  if (late_) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(check_.timeout).count();
    return judge("the check has not ended within " + std::to_string(limit) + " ms");
  }
  if (code == 0) return judge("");
  std::string_view rest = said_;
  const std::string_view line = trimmed(next_line(rest)).substr(0, most_told);
  judge("exit code " + std::to_string(code) + (line.empty() ? "" : ": " + std::string(line)));
}

void HealthCheck::judge(const std::string& failure) {
  const WorkloadHealth before = health();
  failure.empty() ? record_.passed() : record_.failed(failure, loop_.now());
  next_ = loop_.after(record_.pause(), [this] { run(); });
  if (!(health() == before)) changed_();
}

}  // namespace neonvm::guest
