#include "core/daemon/why_door.hpp"

#include "core/wire/explanation.hpp"
#include "core/wire/placement_protocol.hpp"

namespace neonvm::daemon {
namespace {

// Longer than an agent keeps a question open.
constexpr Duration answer_limit = std::chrono::seconds(30);

runtime::HttpResponse json(int status, std::string body) { return {status, {{"content-type", "application/json"}}, std::move(body)}; }

}  // namespace

WhyDoor::WhyDoor(runtime::Loop& loop, runtime::HttpServer& server) : loop_(loop) {
  server.route("GET", "/v1/explain", [this](const runtime::HttpRequest& request, runtime::Responder respond) { ask(request, std::move(respond)); });
}

void WhyDoor::ask(const runtime::HttpRequest& request, runtime::Responder respond) {
  if (peers_.empty()) {
    return respond(json(503, wire::encode_error({Code::unavailable, "no agent holds a link to this VM's runner now; who decides its size is being started or does not run"})));
  }
  const auto& [peer, channel] = *peers_.rbegin();
  const std::uint64_t id = ++last_;
  questions_.emplace(id, Question{peer, std::move(respond), loop_.after(answer_limit, [this, id] {
                                    give_up(id, {Code::deadline_exceeded, "the agent did not answer in time"});
                                  })});
  channel->send(wire::encode(wire::RunnerMessage{id, wire::Explain{wire::newer_of(request.target)}}));
}

void WhyDoor::give_up(std::uint64_t question, const Error& why) {
  auto node = questions_.extract(question);
  if (!node.empty()) node.mapped().respond(json(503, wire::encode_error(why)));
}

void WhyDoor::explained(std::uint64_t question, const wire::Explained& answer) {
  auto node = questions_.extract(question);
  if (!node.empty()) node.mapped().respond(json(200, answer.explanation));
}

void WhyDoor::peer_explains(std::uint64_t peer, std::shared_ptr<runtime::Channel> channel) { peers_[peer] = std::move(channel); }

void WhyDoor::peer_gone(std::uint64_t peer) {
  if (peers_.erase(peer) == 0) return;
  std::vector<std::uint64_t> orphans;
  for (const auto& [id, question] : questions_)
    if (question.peer == peer) orphans.push_back(id);
  for (const std::uint64_t id : orphans) give_up(id, {Code::unavailable, "the agent went while it was asked"});
}

}  // namespace neonvm::daemon
