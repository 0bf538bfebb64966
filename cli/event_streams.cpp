#include "cli/event_streams.hpp"

#include <unistd.h>

#include <array>

namespace neonvm::cli {

namespace {

using daemon::EventStream;

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string folder_of(const Config& config, EventStream which) {
  return (config.events.spool.empty() ? config.home + "/spool" : config.events.spool) + (which == EventStream::billing ? "/billing" : "/scaling");
}

using Sink = std::pair<std::string, Result<daemon::SendBatch>>;  // by the client's name

std::vector<Sink> sinks_of(const EventClients& to, EventStream which, const EventConfig& events) {
  const auto wall = [] { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); };
  std::vector<Sink> sinks;
  if (!to.http_url.empty())
    sinks.emplace_back("http", daemon::http_sink({to.http_url, to.http_token_file, to.http_ca_file, static_cast<std::size_t>(events.most_events)}));
  if (!to.s3_bucket.empty())
    sinks.emplace_back("s3", daemon::s3_sink({to.s3_bucket, to.s3_region, to.s3_endpoint, to.s3_prefix, to.s3_credentials_file, to.s3_ca_file}, which, wall));
  if (!to.azure_container.empty())
    sinks.emplace_back("azureBlob", daemon::azure_sink({to.azure_endpoint, to.azure_container, to.azure_prefix, to.azure_key_file, to.azure_sas_file, to.azure_ca_file}, which, wall));
  return sinks;
}

}  // namespace

Result<std::unique_ptr<EventStreams>> EventStreams::open(runtime::Loop& loop, daemon::World& world, runtime::MetricsRegistry& metrics,
                                                         const Config& config, const std::string& node) {
  std::unique_ptr<EventStreams> streams(new EventStreams(loop, world, metrics));
  if (config.events.billing.any()) {
    if (auto opened = streams->open_stream(streams->billing_, EventStream::billing, config.events.billing, config); !opened) return opened.error().at("[billing]");
    streams->open_biller(config, node);
  }
  if (config.events.scaling.any()) {
    if (auto opened = streams->open_stream(streams->scaling_, EventStream::scaling, config.events.scaling, config); !opened) return opened.error().at("[scaling_events]");
    const daemon::ScalingReporterSettings settings{config.events.region, config.compute_unit, config.events.cu_multiplier, std::chrono::seconds(config.events.push_every_seconds)};
    streams->reporter_ = std::make_unique<daemon::ScalingReporter>(loop, world, metrics, streams->scaling_.spool, settings, [all = streams.get()] { all->scaling_.look(); });
  }
  return streams;
}

Status EventStreams::open_stream(Stream& stream, EventStream which, const EventClients& clients, const Config& config) {
  std::vector<std::string> names;
  auto sinks = sinks_of(clients, which, config.events);
  for (const auto& [name, sink] : sinks) {
    if (!sink) return sink.error().at(name);
    names.push_back(name);
  }
  auto spool = daemon::EventSpool::open(folder_of(config, which), names, config.events.spool_limit.value);
  if (!spool) return spool.error();
  stream.spool = std::move(*spool);
  for (auto& [name, sink] : sinks) {
    daemon::EventPusherSettings settings;
    settings.stream = which;
    settings.client = name;
    settings.timeout = std::chrono::seconds(config.events.timeout_seconds);
    stream.pushers.push_back(std::make_unique<daemon::EventPusher>(loop_, stream.spool, metrics_, settings, std::move(*sink)));
  }
  return {};
}

void EventStreams::open_biller(const Config& config, const std::string& node) {
  daemon::BillerSettings settings;
  settings.node = node;
  settings.everybody = config.events.bill_everybody;
  settings.cpu_metric = config.events.cpu_metric;
  settings.active_metric = config.events.active_metric;
  settings.memory_metric = config.events.memory_metric;
  settings.accumulate = std::chrono::seconds(config.events.accumulate_seconds);
  settings.book_file = folder_of(config, EventStream::billing) + "/book.json";
  settings.host = host_name();
  biller_ = std::make_unique<daemon::Biller>(loop_, world_, metrics_, billing_.spool, settings, [this] { billing_.look(); });
}

void EventStreams::start() {
  if (biller_) biller_->start(world_);
  if (reporter_) reporter_->start();
}

std::function<void(const daemon::ScalingNews&)> EventStreams::listener() {
  if (!reporter_) return nullptr;
  return [this](const daemon::ScalingNews& news) { reporter_->heard(news); };
}

}  // namespace neonvm::cli
