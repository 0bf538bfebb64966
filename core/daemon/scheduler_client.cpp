#include "core/daemon/scheduler_client.hpp"

#include <mutex>
#include <utility>

#include "core/runtime/http_connections.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/headroom_protocol.hpp"
#include "core/wire/placement_protocol.hpp"

namespace neonvm::daemon {

using runtime::HttpRequest;
using runtime::HttpResponse;

struct SchedulerClient::Line {
  Line(FindScheduler f, Duration again) : find(std::move(f)), find_again(again) {}

  struct Open {
    std::shared_ptr<runtime::HttpConnections> connections;
    std::string token;
    Instant until{};
  };

  const FindScheduler find;
  const Duration find_again;
  std::mutex mutex;
  std::optional<Open> open;

  Result<Open> opened(Deadline deadline) {
    {
      const std::lock_guard lock(mutex);
      if (open && std::chrono::steady_clock::now() < open->until) return *open;
    }
    auto reach = find(deadline);
    if (!reach) return reach.error();
    auto connections = runtime::HttpConnections::open(reach->endpoint, reach->http);
    if (!connections) return connections.error();
    const std::lock_guard lock(mutex);
    open = Open{std::move(*connections), reach->http.bearer_token, std::chrono::steady_clock::now() + find_again};
    return *open;
  }

  void close(const Open& failed) {
    const std::lock_guard lock(mutex);
    if (open && open->connections == failed.connections) open.reset();
  }

  // The deadline is real time: it bounds a socket, whatever clock the loop has.
  Result<HttpResponse> post(const std::string& path, std::string body, Duration timeout) {
    const Deadline deadline = std::chrono::steady_clock::now() + timeout;
    const auto line = opened(deadline);
    if (!line) return Error{Code::unavailable, "the scheduler cannot be asked: " + line.error().message};
    HttpRequest request;
    request.method = "POST";
    request.target = path;
    request.headers["content-type"] = "application/json";
    if (!line->token.empty()) request.headers["authorization"] = "Bearer " + line->token;
    request.body = std::move(body);
    auto answer = line->connections->call(std::move(request), deadline);
    if (answer && answer->status != 401 && answer->status != 503) return answer;
    close(*line);
    // A replica that does not lead: the next connection may reach the one that does.
    if (answer && answer->status == 503) return answer;
    return Error{Code::unavailable, answer ? "the scheduler does not let us in (401)" : "the scheduler does not answer: " + answer.error().message};
  }
};

namespace {

Code code_of(int status) {
  switch (status) {
    case 400: return Code::invalid_argument;
    case 404: return Code::not_found;
    default: return Code::unavailable;
  }
}

Result<wire::PermitResponse> read_permit(const Result<HttpResponse>& answer) {
  if (!answer) return answer.error();
  if (answer->status == 200) return wire::decode_permit_response(answer->body);
  return Error{code_of(answer->status), answer->body};
}

Result<HeadroomAnswer> read_lease(const Result<HttpResponse>& answer) {
  if (!answer) return answer.error();
  if (answer->status == 200) return wire::decode_headroom_answer(answer->body);
  return wire::decode_error(answer->body);
}

Result<std::string> read_place(const Result<HttpResponse>& answer) {
  if (!answer) return answer.error();
  if (answer->status == 200) return wire::decode_placed(answer->body);
  return wire::decode_error(answer->body);
}

// On the wire a namespace and a name, as upstream has it.
wire::PermitRequest apart(wire::PermitRequest request) {
  const auto slash = request.runner.find('/');
  if (slash == std::string::npos) return request;
  request.ns = request.runner.substr(0, slash);
  request.runner.erase(0, slash + 1);
  return request;
}

}  // namespace

SchedulerClient::SchedulerClient(runtime::Loop& loop, FindScheduler find, SchedulerClientSettings settings)
    : loop_(loop), settings_(settings), line_(std::make_shared<Line>(std::move(find), settings.find_again)) {}

SchedulerClient::SchedulerClient(runtime::Loop& loop, runtime::Endpoint scheduler, SchedulerClientSettings settings)
    : SchedulerClient(loop, [scheduler = std::move(scheduler)](Deadline) { return Result<SchedulerReach>(SchedulerReach{scheduler, {}}); }, settings) {}

void SchedulerClient::ask(const wire::PermitRequest& request, Answered done) {
  loop_.off_loop(
      [line = line_, body = wire::encode(apart(request)), timeout = settings_.timeout] { return read_permit(line->post("/", body, timeout)); },
      [weak = std::weak_ptr(alive_), done = std::move(done)](Result<wire::PermitResponse> answer) {
        if (!weak.expired()) done(std::move(answer));
      });
}

void SchedulerClient::lend(const HeadroomRequest& request, Lent done) {
  loop_.off_loop(
      [line = line_, body = wire::encode(request), timeout = settings_.timeout] { return read_lease(line->post("/v1/headroom", body, timeout)); },
      [weak = std::weak_ptr(alive_), done = std::move(done)](Result<HeadroomAnswer> answer) {
        if (!weak.expired()) done(std::move(answer));
      });
}

void SchedulerClient::ask_place(const char* path, const PlacementAsk& ask, Placed done) {
  loop_.off_loop(
      [line = line_, path, body = wire::encode(wire::PlacementRequest{ask.vm, ask.runner, ask.node, ask.away_from}),
       timeout = settings_.timeout] { return read_place(line->post(path, body, timeout)); },
      [this, weak = std::weak_ptr(alive_), done = std::move(done)](Result<std::string> node) {
        if (weak.expired()) return;
        const bool full = !node && (node.error().code == Code::out_of_capacity || node.error().code == Code::refused);
        if (full && !room_timer_.pending())
          room_timer_ = loop_.after(settings_.room_retry, [this] {
            if (on_room_) on_room_();
          });
        done(std::move(node));
      });
}

void SchedulerClient::place(const PlacementAsk& ask, Placed done) { ask_place("/v1/place", ask, std::move(done)); }
void SchedulerClient::reserve_target(const PlacementAsk& ask, Placed done) {
  ask_place("/v1/reserve-target", ask, std::move(done));
}

void SchedulerClient::release(const std::string& runner) {
  // A lost release is made good by the scheduler itself: it sees the runner's end, or that it never came.
  loop_.off_loop(
      [line = line_, body = wire::encode_release(runner), timeout = settings_.timeout] { return line->post("/v1/release", body, timeout).ok(); },
      [](bool) {});
}

void SchedulerClient::prepare() {
  loop_.off_loop(
      [line = line_, timeout = settings_.timeout] {
        const auto open = line->opened(std::chrono::steady_clock::now() + timeout);
        return open ? Status{} : open.error();
      },
      [this, weak = std::weak_ptr(alive_)](const Status& found) {
        if (weak.expired() || found) return;
        runtime::log_warning("scheduler client", "the scheduler's door cannot be had", {{"why", found.error().message}});
        prepare_timer_ = loop_.after(settings_.timeout, [this] { prepare(); });
      });
}

void SchedulerClient::on_room(std::function<void()> listener) { on_room_ = std::move(listener); }

void ClusterPlacement::place(const PlacementAsk& ask, Placed done) {
  loop_.post([weak = std::weak_ptr(alive_), node = ask.node, done = std::move(done)] {
    if (!weak.expired()) done(node);
  });
}

}  // namespace neonvm::daemon
