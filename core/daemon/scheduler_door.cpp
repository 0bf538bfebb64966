#include "core/daemon/scheduler_door.hpp"

#include <utility>

#include "core/wire/placement_protocol.hpp"

namespace neonvm::daemon {
namespace {

using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::Responder;

HttpResponse json(int status, std::string body) { return {status, {{"content-type", "application/json"}}, std::move(body)}; }
HttpResponse text(int status, std::string body) { return {status, {{"content-type", "text/plain"}}, std::move(body)}; }

int permit_status(Code code) {
  switch (code) {
    case Code::invalid_argument: return 400;
    case Code::not_found: return 404;
    case Code::unavailable: return 503;
    default: return 500;
  }
}

int place_status(Code code) {
  switch (code) {
    case Code::invalid_argument: return 400;
    case Code::not_found: return 404;
    case Code::out_of_capacity:
    case Code::refused: return 409;
    case Code::unavailable: return 503;
    default: return 500;
  }
}

// Answers come later, and a Responder can only be moved.
std::shared_ptr<Responder> kept(Responder respond) { return std::make_shared<Responder>(std::move(respond)); }

void permit(PermitOffice& office, const HttpRequest& request, Responder respond) {
  if (request.method != "POST") return respond(text(400, "must be POST"));
  const auto decoded = wire::decode_permit_request(request.body);
  if (!decoded) return respond(text(400, "bad JSON: " + decoded.error().message));
  office.ask(*decoded, [respond = kept(std::move(respond))](const Result<wire::PermitResponse>& answer) {
    (*respond)(answer ? json(200, wire::encode(*answer)) : text(permit_status(answer.error().code), answer.error().message));
  });
}

HttpResponse refusal(const Error& error) { return json(place_status(error.code), wire::encode_error(error)); }

using Ask = void (PlacementOffice::*)(const PlacementAsk&, PlacementOffice::Placed);

void place(PlacementOffice& office, Ask ask, const HttpRequest& request, Responder respond) {
  auto decoded = wire::decode_placement_request(request.body);
  if (!decoded) return respond(refusal(decoded.error()));
  const PlacementAsk asked{std::move(decoded->vm), decoded->runner, decoded->node, decoded->away_from};
  (office.*ask)(asked, [respond = kept(std::move(respond))](const Result<std::string>& node) {
    (*respond)(node ? json(200, wire::encode_placed(*node)) : refusal(node.error()));
  });
}

}  // namespace

void serve_permits(runtime::HttpServer& server, PermitOffice& office) {
  server.route("", "/", [&office](const HttpRequest& request, Responder respond) {
    permit(office, request, std::move(respond));
  });
}

void serve_placement(runtime::HttpServer& server, PlacementOffice& office) {
  const std::pair<const char*, Ask> asks[] = {{"/v1/place", &PlacementOffice::place},
                                              {"/v1/reserve-target", &PlacementOffice::reserve_target}};
  for (const auto& [path, ask] : asks)
    server.route("POST", path, [&office, ask = ask](const HttpRequest& request, Responder respond) {
      place(office, ask, request, std::move(respond));
    });
  server.route("POST", "/v1/release", [&office](const HttpRequest& request, Responder respond) {
    const auto runner = wire::decode_release(request.body);
    if (!runner) return respond(refusal(runner.error()));
    office.release(*runner);
    respond(json(200, "{}"));
  });
}

namespace {

// The deadline is real time: it bounds a socket, whatever clock the loop has.
Result<HttpResponse> post(const runtime::Endpoint& to, const std::string& path, std::string body,
                          const SchedulerClientSettings& settings) {
  HttpRequest request;
  request.method = "POST";
  request.target = path;
  request.headers["content-type"] = "application/json";
  request.body = std::move(body);
  auto answer = runtime::http_call(to, request, std::chrono::steady_clock::now() + settings.timeout, settings.http);
  if (!answer) return Error{Code::unavailable, "the scheduler does not answer: " + answer.error().message};
  return answer;
}

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

Result<std::string> read_place(const Result<HttpResponse>& answer) {
  if (!answer) return answer.error();
  if (answer->status == 200) return wire::decode_placed(answer->body);
  return wire::decode_error(answer->body);
}

}  // namespace

SchedulerClient::SchedulerClient(runtime::Loop& loop, runtime::Endpoint scheduler, SchedulerClientSettings settings)
    : loop_(loop), scheduler_(std::move(scheduler)), settings_(std::move(settings)) {}

void SchedulerClient::ask(const wire::PermitRequest& request, Answered done) {
  loop_.off_loop(
      [to = scheduler_, body = wire::encode(request), settings = settings_] {
        return read_permit(post(to, "/", body, settings));
      },
      [weak = std::weak_ptr(alive_), done = std::move(done)](Result<wire::PermitResponse> answer) {
        if (!weak.expired()) done(std::move(answer));
      });
}

void SchedulerClient::ask_place(const char* path, const PlacementAsk& ask, Placed done) {
  loop_.off_loop(
      [to = scheduler_, path, body = wire::encode(wire::PlacementRequest{ask.vm, ask.runner, ask.node, ask.away_from}),
       settings = settings_] { return read_place(post(to, path, body, settings)); },
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
      [to = scheduler_, body = wire::encode_release(runner), settings = settings_] {
        return post(to, "/v1/release", body, settings).ok();
      },
      [](bool) {});
}

void SchedulerClient::on_room(std::function<void()> listener) { on_room_ = std::move(listener); }

}  // namespace neonvm::daemon
