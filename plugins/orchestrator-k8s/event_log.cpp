#include "plugins/orchestrator-k8s/event_log.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include "plugins/orchestrator-k8s/api_error.hpp"
#include "plugins/orchestrator-k8s/backoff.hpp"
#include "plugins/orchestrator-k8s/event_json.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/watch_stream.hpp"

namespace neonvm::k8s {
namespace {

// Unlike any other event's of that object: names cannot be told by the server here, a lost answer would double them.
std::string unique_suffix() {
  std::random_device random;
  const auto value = (static_cast<std::uint64_t>(random()) << 32) | random();
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

Status EventLog::record(const Event& event, const std::string& uid, Deadline deadline) {
  const WallTime wall = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  ApiRequest request{"record an Event of " + event.name, "POST", events_path(ns_),
                     encode_event(event, ns_, uid, unique_suffix(), wall)};
  const auto made = client_->call(request, deadline);
  return made ? Status{} : made.error();
}

Result<EventLog::Read> EventLog::read(std::uint64_t after, Deadline deadline) {
  Read all;
  std::string next;
  do {
    ApiRequest request;
    request.what = "list of Events";
    request.target = events_path(ns_) + "?limit=500" + (next.empty() ? "" : "&continue=" + url_encoded(next));
    auto body = client_->call(request, deadline);
    if (!body) return body.error();
    auto page = decode_event_list(*body);
    if (!page) return page.error();
    for (StoredEvent& each : page->events) {
      if (each.sequence > after) all.events.push_back(std::move(each));
    }
    all.version = page->version;
    next = page->next;
  } while (!next.empty());
  std::sort(all.events.begin(), all.events.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  return all;
}

Result<std::vector<StoredEvent>> EventLog::events(std::uint64_t after, Deadline deadline) {
  auto all = read(after, deadline);
  if (!all) return all.error();
  return std::move(all->events);
}

Result<std::vector<StoredEvent>> EventLog::wait(std::uint64_t after, Deadline deadline) {
  Backoff backoff(static_cast<std::uint32_t>(now().time_since_epoch().count()));
  // A deadline that is over still gets one look.
  auto all = read(after, std::max<Deadline>(deadline, now() + std::chrono::seconds(1)));
  while (all && all->events.empty() && now() < deadline) {
    auto came = follow(all->version, after, deadline);
    if (came && *came) return std::vector<StoredEvent>{std::move(**came)};
    // At the end of its time, or because its place was forgotten: a list tells what came meanwhile.
    if (!came) std::this_thread::sleep_until(std::min<Deadline>(deadline, now() + backoff.next()));
    if (now() < deadline) all = read(after, deadline);
  }
  if (!all) return all.error();
  return std::move(all->events);
}

Result<std::optional<StoredEvent>> EventLog::follow(std::uint64_t version, std::uint64_t after, Deadline deadline) {
  constexpr auto longest = std::chrono::seconds(60);
  ApiRequest request;
  request.what = "watch of Events";
  request.target = events_path(ns_) + "?watch=1&timeoutSeconds=60&resourceVersion=" + std::to_string(version);
  const Deadline until = std::min<Deadline>(deadline, now() + longest + std::chrono::seconds(10));
  auto started = client_->start(request, until);
  if (!started) return started.error();
  auto head = started->answer->head(until);
  if (!head) return head.error().code == Code::deadline_exceeded ? Result<std::optional<StoredEvent>>(std::nullopt) : head.error();
  if (head->status != 200) return Error{Code::unavailable, request.what + ": HTTP " + std::to_string(head->status)};
  WatchStream stream;
  while (true) {
    auto piece = started->answer->piece(until);
    if (!piece && piece.error().code != Code::deadline_exceeded) return piece.error();
    if (!piece || piece->empty()) return std::optional<StoredEvent>{};
    auto lines = stream.feed(*piece);
    if (!lines) return lines.error();
    for (const std::string& line : *lines) {
      auto event = decode_event_change(line);
      if (!event) return event.error();
      if (*event && (*event)->sequence > after) return event;
    }
  }
}

}  // namespace neonvm::k8s
