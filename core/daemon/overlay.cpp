#include "core/daemon/overlay.hpp"

#include <algorithm>
#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/node_status.hpp"

namespace neonvm::daemon {
namespace {

constexpr Duration first_retry = std::chrono::milliseconds(200), longest_retry = std::chrono::seconds(5);

// Addresses that cannot be read are none.
decide::OverlayNode overlay_node(const Object& object) {
  decide::OverlayNode node{object.name, {}};
  const auto status = wire::decode_node_status(object.status);
  if (!status) return node;
  for (const std::string& text : status->addresses)
    if (const auto address = parse_ip(text)) node.addresses.push_back(*address);
  return node;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

Overlay::Overlay(runtime::Loop& loop, World& world, runtime::MetricsRegistry& metrics, decide::OverlaySettings settings,
                 std::function<void(const Error&)> forbidden)
    : loop_(loop),
      world_(world),
      settings_(std::move(settings)),
      forbidden_(std::move(forbidden)),
      peers_(metrics.gauge(families::overlay_peers)),
      mtu_(metrics.gauge(families::overlay_mtu)),
      failures_(metrics.counter(families::overlay_failures)),
      passes_(metrics.counter(families::overlay_passes)) {}

Status Overlay::start() {
  auto news = network::LinkNews::open();
  if (!news) return news.error();
  news_ = std::move(*news);
  news_watch_ = loop_.watch_readable(news_->fd(), [this] { hear(); });
  auto rules_news = network::RulesNews::open(decide::overlay_table(settings_));
  if (!rules_news) return rules_news.error();
  rules_news_ = std::move(*rules_news);
  rules_watch_ = loop_.watch_readable(rules_news_->fd(), [this] {
    if (rules_news_->read()) look();
  });
  subscription_ = world_.listen(Kind::node, [this](const Change& change) { node_changed(change); });
  return {};
}

void Overlay::hear() {
  const network::News news = news_->read();
  const auto changed = [&news](const std::string& name) { return news.links.count(name) != 0; };
  if (news.all || news.addresses || !news.floods.empty() || changed(settings_.bridge) || changed(settings_.vxlan) || changed(underlay_)) look();
}

void Overlay::node_changed(const Change& change) {
  if (change.kind == ChangeKind::synced) return look();
  if (change.kind == ChangeKind::deleted) {
    nodes_.erase(change.object.name);
    return look();
  }
  decide::OverlayNode node = overlay_node(change.object);
  const auto known = nodes_.find(node.name);
  if (known != nodes_.end() && known->second == node) return;
  nodes_[node.name] = std::move(node);
  look();
}

void Overlay::look() {
  if (!world_.synced(Kind::node)) return;
  if (laying_) {
    again_ = true;
    return;
  }
  std::vector<decide::OverlayNode> nodes;
  for (const auto& [name, node] : nodes_) nodes.push_back(node);
  const auto wish = decide::overlay_wish(settings_.node, nodes);
  if (!wish) {
    if (trouble_ != wish.error().message) runtime::log_warning("overlay", "stays as it is", {{"why", wish.error().message}});
    trouble_ = wish.error().message;
    return;
  }
  if (wish->unreachable != wish_.unreachable && !wish->unreachable.empty()) {
    runtime::log_warning("overlay", "nodes without an address of this family", {{"family", to_string(wish->local.family)}, {"nodes", joined(wish->unreachable)}});
  }
  lay(*wish);
}

void Overlay::lay(const decide::OverlayWish& wish) {
  laying_ = true;
  passes_.add();
  retry_.cancel();
  wish_ = wish;
  loop_.off_loop([settings = settings_, wish, rules = rules_] { return lay_cables(settings, wish, *rules); },
                 [this](const Result<CablesReport>& report) { laid(report); });
}

void Overlay::laid(const Result<CablesReport>& report) {
  laying_ = false;
  if (report) told(*report);
  else failed(report.error());
  if (std::exchange(again_, false)) look();
}

void Overlay::told(const CablesReport& report) {
  trouble_.clear();
  wait_ = {};
  underlay_ = report.underlay;
  peers_.set(static_cast<double>(wish_.peers.size()));
  mtu_.set(report.mtu);
  if (report.deeds.empty() && report.flooded == 0 && report.dropped == 0) return;
  runtime::log_info("overlay", "in step", {{"peers", std::to_string(wish_.peers.size())}, {"added", std::to_string(report.flooded)},
                                           {"removed", std::to_string(report.dropped)}, {"local", to_string(wish_.local)},
                                           {"mtu", std::to_string(report.mtu)}, {"did", joined(report.deeds)}});
}

void Overlay::failed(const Error& error) {
  failures_.add();
  if (trouble_ != error.message) runtime::log_error("overlay", "could not be made what it should be", {{"error", error.message}});
  trouble_ = error.message;
  if (error.code == Code::permission_denied) {
    forbidden_(error);
    return;
  }
  wait_ = std::clamp(wait_ * 2, first_retry, longest_retry);
  retry_ = loop_.after(wait_, [this] { look(); });
}

}  // namespace neonvm::daemon
