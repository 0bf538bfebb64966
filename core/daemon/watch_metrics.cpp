#include "core/daemon/watch_metrics.hpp"

namespace neonvm::daemon {

namespace {

struct Names {
  const runtime::MetricFamily &calls, &relists, &events, &errors, &alive, &failing;
};

const Names& names_of(MetricPart part) {
  using namespace families;
  static const Names scheduler{up_plugin_watch_calls, up_plugin_watch_relists, up_plugin_watch_events, up_plugin_watch_errors,
                               up_plugin_watch_alive, up_plugin_watch_failing};
  static const Names agent{up_watch_calls, up_watch_relists, up_watch_events, up_watch_errors, up_watch_alive, up_watch_failing};
  return part == MetricPart::scheduler ? scheduler : agent;
}

// As upstream calls them; runners and neighbours are pods.
const char* instance_of(Kind kind) {
  switch (kind) {
    case Kind::virtual_machine: return "VirtualMachines";
    case Kind::migration: return "VirtualMachineMigrations";
    case Kind::node: return "Nodes";
    case Kind::runner: return "Pods";
    case Kind::neighbour: return "Neighbours";
    case Kind::ip_pool: return "IPPools";
  }
  return "";
}

void collect(const Names& names, const std::string& watch, const WatchCounts& counts, std::vector<runtime::MetricSample>& out) {
  const auto tell = [&](const runtime::MetricFamily& family, std::vector<std::string> more, std::uint64_t value) {
    more.insert(more.begin(), watch);
    out.push_back({&family, std::move(more), static_cast<double>(value)});
  };
  tell(names.calls, {"Watch"}, counts.opened + counts.not_opened);
  tell(names.relists, {}, counts.opened == 0 ? 0 : counts.opened - 1);
  tell(names.events, {"ADDED"}, counts.added);
  tell(names.events, {"MODIFIED"}, counts.changed);
  tell(names.events, {"DELETED"}, counts.deleted);
  tell(names.errors, {"Watch"}, counts.not_opened);
  tell(names.errors, {"Watch.Event"}, counts.broken);
  tell(names.alive, {}, counts.watching ? 1 : 0);
  tell(names.failing, {}, counts.watching ? 0 : 1);
}

}  // namespace

std::shared_ptr<void> tell_watches(runtime::MetricsRegistry& metrics, const World& world, MetricPart part) {
  return metrics.at_scrape([&world, &names = names_of(part)](std::vector<runtime::MetricSample>& out) {
    for (const auto& [kind, counts] : world.watch_counts()) collect(names, instance_of(kind), counts, out);
  });
}

}  // namespace neonvm::daemon
