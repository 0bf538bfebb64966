#include "cli/runner_request.hpp"

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

namespace {

constexpr std::uint64_t only_one = 1;

// What else a runner says is passed over.
Result<wire::RunnerReply> await_reply(runtime::BlockingChannel& link, Deadline deadline) {
  while (true) {
    auto message = link.receive(deadline);
    if (!message) return message.error();
    auto decoded = wire::decode_runner_message(message->data);
    if (!decoded || decoded->id != only_one) continue;
    if (auto* reply = std::get_if<wire::RunnerReply>(&decoded->body)) return std::move(*reply);
  }
}

}  // namespace

Status runner_request(const RunnerReach& runner, const wire::RunnerBody& body, Duration limit) {
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  auto link = runner.open("/v1/link", deadline);
  if (!link) return link.error();
  if (auto sent = (*link)->send({false, wire::encode(wire::RunnerMessage{only_one, body})}, deadline); !sent) return sent;
  const auto reply = await_reply(**link, deadline);
  if (!reply) return reply.error();
  if (reply->ok) return {};
  return Error{reply->code, reply->why};
}

}  // namespace neonvm::cli
