#include "core/daemon/node_headroom.hpp"

#include <algorithm>
#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {
namespace {

constexpr Duration after_failure = std::chrono::seconds(2);
// A scheduler that lends nothing may not do so yet, or never.
constexpr Duration first_nothing = std::chrono::seconds(1), longest_nothing = std::chrono::seconds(30);

// As much as the scheduler's terms allow: it knows how much that may be, and how much is free.
constexpr Resources all_there_is{MilliCpu{1'000'000'000}, Bytes{1024 * 1024 * gib}};

}  // namespace

NodeHeadroom::NodeHeadroom(runtime::Loop& loop, PermitOffice& office, runtime::MetricsRegistry& metrics, const std::string& node, std::uint64_t life)
    : loop_(loop), office_(office), metrics_(metrics), node_(node), headroom_(node, life, loop.now()) {}

void NodeHeadroom::start() { ask(); }

Resources NodeHeadroom::open() const { return headroom_.open(loop_.now()); }

std::optional<NodeHeadroom::Taken> NodeHeadroom::take(const std::string& runner, const Resources& permit, const Resources& wanted,
                                                      const Resources& unit, const AskId& asked) {
  const Instant now = loop_.now();
  const Resources to = headroom_.grow(runner, permit, wanted, unit, now, asked);
  const auto until = headroom_.until(now);
  if (to == permit || !until) return std::nullopt;
  metrics_.counter(families::headroom_spent).add();
  show();
  asking_ ? void(spent_meanwhile_ = true) : ask();
  return Taken{to, *until};
}

void NodeHeadroom::ask() {
  next_.cancel();
  asking_ = true;
  spent_meanwhile_ = false;
  office_.lend(headroom_.request(all_there_is, loop_.now()), [this, weak = std::weak_ptr(alive_)](const Result<HeadroomAnswer>& answer) {
    if (!weak.expired()) answered(answer);
  });
}

void NodeHeadroom::answered(const Result<HeadroomAnswer>& answer) {
  const Instant now = loop_.now();
  asking_ = false;
  Instant due = now + after_failure;
  const std::string before = std::exchange(why_, answer ? answer->why : answer.error().message);
  if (answer) {
    headroom_.answered(*answer, now);
    const bool nothing = headroom_.open(now) == Resources{};
    due = nothing ? now + wait_ : std::max(headroom_.ask_at(now), now + (spent_meanwhile_ ? Duration::zero() : after_failure));
    wait_ = nothing ? std::min<Duration>(wait_ * 2, longest_nothing) : first_nothing;
  }
  if (why_ != before && !answer) runtime::log_warning("agent", "the scheduler lends nothing now", {{"node", node_}, {"why", why_}});
  show();
  next_ = loop_.at(due, [this] { ask(); });
}

void NodeHeadroom::show() {
  const Resources open = headroom_.open(loop_.now());
  metrics_.gauge(families::headroom_cpus, {node_}).set(open.cpu.cpus());
  metrics_.gauge(families::headroom_memory, {node_}).set(static_cast<double>(open.memory.value));
}

}  // namespace neonvm::daemon
