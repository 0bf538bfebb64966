#include "core/daemon/scheduler_door.hpp"

#include <utility>

#include "core/wire/headroom_protocol.hpp"
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
    case Code::conflict:
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

void lend(PermitOffice& office, const HttpRequest& request, Responder respond) {
  const auto decoded = wire::decode_headroom_request(request.body);
  if (!decoded) return respond(refusal(decoded.error()));
  office.lend(*decoded, [respond = kept(std::move(respond))](const Result<HeadroomAnswer>& answer) {
    (*respond)(answer ? json(200, wire::encode(*answer)) : refusal(answer.error()));
  });
}

}  // namespace

void serve_headroom(runtime::HttpServer& server, PermitOffice& office) {
  server.route("POST", "/v1/headroom", [&office](const HttpRequest& request, Responder respond) { lend(office, request, std::move(respond)); });
}

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

}  // namespace neonvm::daemon
