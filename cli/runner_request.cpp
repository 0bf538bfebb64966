#include "cli/runner_request.hpp"

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

namespace {

using Link = std::unique_ptr<runtime::BlockingChannel>;

Result<Link> open_link(const std::string& endpoint, Deadline deadline) {
  auto parsed = runtime::parse_endpoint(endpoint);
  if (!parsed) return parsed.error();
  return runtime::open_channel(*parsed, "/v1/link", deadline, {});
}

// The next message that is what is wanted; others are passed over.
template <typename Wanted>
Result<Wanted> await(Link& link, std::uint64_t id, Deadline deadline) {
  while (true) {
    auto message = link->receive(deadline);
    if (!message) return message.error();
    auto decoded = wire::decode_runner_message(message->data);
    if (!decoded || decoded->id != id) continue;
    if (auto* wanted = std::get_if<Wanted>(&decoded->body)) return std::move(*wanted);
  }
}

}  // namespace

Status runner_request(const std::string& endpoint, const wire::RunnerBody& body, Duration limit) {
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  auto link = open_link(endpoint, deadline);
  if (!link) return link.error();
  if (auto sent = (*link)->send({false, wire::encode(wire::RunnerMessage{1, body})}, deadline); !sent) return sent;
  const auto reply = await<wire::RunnerReply>(*link, 1, deadline);
  if (!reply) return reply.error();
  if (reply->ok) return {};
  return Error{reply->code, reply->why};
}

Result<wire::RunnerReport> runner_report(const std::string& endpoint, Duration limit) {
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  auto link = open_link(endpoint, deadline);
  if (!link) return link.error();
  return await<wire::RunnerReport>(*link, 0, deadline);
}

}  // namespace neonvm::cli
