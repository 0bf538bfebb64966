// Overlay: keeps this node's part of the overlay network in step with the nodes that there are.
//
// Used by `neonvm overlay`, one a node. Loop thread only; what blocks runs on a worker. Woken by the nodes' watch and by the
// kernel's news of devices and rules, so that a node that joins is reached at once, and what somebody removed comes back.
// Nothing is concluded from a list of nodes that is not complete or lacks this node: then all stays as it is. When the process
// ends everything stays, and packets flow on. Failure: what could not be done is tried again, after 200 ms doubling to 5 s, and
// told once; without the permission it ends the loop.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/daemon/overlay_cables.hpp"
#include "core/daemon/world.hpp"
#include "core/network/link_news.hpp"
#include "core/network/rules_news.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

class Overlay {
 public:
  // forbidden: no permission to change the network, with the reason. world watches Kind::node.
  Overlay(runtime::Loop& loop, World& world, runtime::MetricsRegistry& metrics, decide::OverlaySettings settings,
          std::function<void(const Error&)> forbidden);
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  // Before world.start().
  Status start();
  // Empty: the overlay is as it should be. For /readyz.
  [[nodiscard]] std::string why_not_ready() const { return trouble_; }

 private:
  void hear();
  void node_changed(const Change& change);
  void look();                         // what has to be, as far as it is known; then lay
  void lay(const decide::OverlayWish& wish);
  void laid(const Result<CablesReport>& report);
  void told(const CablesReport& report);
  void failed(const Error& error);

  runtime::Loop& loop_;
  World& world_;
  const decide::OverlaySettings settings_;
  std::function<void(const Error&)> forbidden_;
  runtime::Gauge peers_;
  runtime::Gauge mtu_;
  runtime::Counter failures_;
  runtime::Counter passes_;
  std::map<std::string, decide::OverlayNode> nodes_;     // heartbeats change objects, but not these
  World::Subscription subscription_;
  std::optional<network::LinkNews> news_;
  std::optional<network::RulesNews> rules_news_;
  runtime::FdWatch news_watch_, rules_watch_;  // gone before what they watch
  std::shared_ptr<AppliedRules> rules_ = std::make_shared<AppliedRules>();  // the worker's, while it lays
  decide::OverlayWish wish_;
  std::string underlay_;
  std::string trouble_ = "the nodes are not known yet";
  bool laying_ = false, again_ = false;
  Duration wait_{};
  runtime::Timer retry_;
};

}  // namespace neonvm::daemon
