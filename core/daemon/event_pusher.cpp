#include "core/daemon/event_pusher.hpp"

#include <algorithm>
#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

namespace {

struct Families {
  const runtime::MetricFamily &queue, &took, &errors;
};

const Families& families_of(EventStream stream) {
  static const Families billing{families::up_billing_queue, families::up_billing_took, families::up_billing_errors};
  static const Families scaling{families::up_events_queue, families::up_events_took, families::up_events_errors};
  return stream == EventStream::billing ? billing : scaling;
}

const char* name_of(EventStream stream) { return stream == EventStream::billing ? "billing" : "scaling"; }

}  // namespace

EventPusher::EventPusher(runtime::Loop& loop, std::shared_ptr<EventSpool> spool, runtime::MetricsRegistry& metrics,
                         EventPusherSettings settings, SendBatch send)
    : loop_(loop), spool_(std::move(spool)), metrics_(metrics), settings_(std::move(settings)),
      send_(std::make_shared<const SendBatch>(std::move(send))), retry_(settings_.first_retry) {
  collected_ = metrics_.at_scrape([this](std::vector<runtime::MetricSample>& out) {
    out.push_back({&families_of(settings_.stream).queue, {settings_.client}, static_cast<double>(spool_->waiting(settings_.client))});
    out.push_back({&families::event_spool_bytes, {name_of(settings_.stream)}, static_cast<double>(spool_->bytes())});
  });
  for (const char* outcome : {"sent", "failed"}) metrics_.counter(families::event_batches, {name_of(settings_.stream), settings_.client, outcome});
}

void EventPusher::look() {
  again_ = true;
  // While it waits to try again, another batch is no reason to hurry: they go in order.
  if (busy_ || timer_.pending()) return;
  again_ = false;
  busy_ = true;
  loop_.off_loop(
      [spool = spool_, send = send_, client = settings_.client, timeout = settings_.timeout]() -> Sent {
        const auto batch = spool->next_for(client);
        if (!batch) return {1, batch.error(), {}};
        if (batch->number == 0) return {};
        const Instant began = std::chrono::steady_clock::now();
        Status status = batch->lines.empty() ? Status{} : (*send)(*batch, began + timeout);
        if (status) status = spool->delivered(batch->number, client);
        return {batch->number, status, std::chrono::steady_clock::now() - began};
      },
      [this, weak = std::weak_ptr(alive_)](const Sent& done) {
        if (!weak.expired()) sent(done);
      });
}

void EventPusher::sent(const Sent& sent) {
  busy_ = false;
  constexpr double nothing_to_send = 1e-6;  // as upstream has it, and 0 for a failure
  if (sent.number == 0) {
    metrics_.gauge(families_of(settings_.stream).took, {settings_.client}).set(nothing_to_send);
    if (again_) look();
    return;
  }
  metrics_.counter(families::event_batches, {name_of(settings_.stream), settings_.client, sent.status ? "sent" : "failed"}).add();
  metrics_.gauge(families_of(settings_.stream).took, {settings_.client}).set(sent.status ? seconds(sent.took) : 0);
  if (sent.status) {
    if (!told_.empty()) runtime::log_info("events", "are taken again", {{"stream", name_of(settings_.stream)}, {"client", settings_.client}});
    told_.clear();
    retry_ = settings_.first_retry;
    return look();
  }
  const Error& error = sent.status.error();
  metrics_.counter(families_of(settings_.stream).errors, {settings_.client, cause_of(error)}).add();
  if (told_ != error.message)
    runtime::log_warning("events", "cannot be sent; they wait in the spool",
                         {{"stream", name_of(settings_.stream)}, {"client", settings_.client}, {"why", error.message}, {"again in s", std::to_string(retry_ / std::chrono::seconds(1))}});
  told_ = error.message;
  timer_ = loop_.after(retry_, [this] { look(); });
  retry_ = std::min(retry_ * 2, settings_.longest_retry);
}

}  // namespace neonvm::daemon
