#include "core/daemon/extender_door.hpp"

#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {
namespace {

using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::Responder;

// kube-scheduler binds within seconds of filtering, or filters again.
constexpr Duration remembered_for = std::chrono::minutes(10);
constexpr Duration prune_every = std::chrono::minutes(1);

HttpResponse json(std::string body) { return {200, {{"content-type", "application/json"}}, std::move(body)}; }
HttpResponse text(int status, std::string body) { return {status, {{"content-type", "text/plain"}}, std::move(body) + "\n"}; }

// The call came back without saying whether it was carried out.
bool is_unknown(Code code) { return code == Code::unavailable || code == Code::deadline_exceeded || code == Code::cancelled; }

}  // namespace

void ExtenderDoor::remember(const wire::Pod& pod) {
  const Instant now = loop_.now();
  remembered_[pod.uid] = {pod, now};
  if (now < pruned_ + prune_every) return;
  pruned_ = now;
  std::erase_if(remembered_, [now](const auto& each) { return each.second.at + remembered_for < now; });
}

wire::ExtenderFilterResult ExtenderDoor::filter(const wire::ExtenderArgs& args) {
  wire::ExtenderFilterResult result;
  const auto wanted = scheduler_.booking_for(args.pod);
  if (!wanted) {
    result.error = wanted.error().message;
    return result;
  }
  remember(args.pod);
  const decide::Ledger& ledger = scheduler_.ledger();
  const decide::Booking* booked = ledger.find(wanted->holder);
  // A pod that is gone had its name, and its end has not been heard of yet.
  if (booked != nullptr && booked->vm != wanted->vm) booked = nullptr;
  const Resources size = taken(*wanted);
  const auto fail = [&result](const std::string& node, const std::string& why, bool lasting) {
    // In both: an older kube-scheduler knows only the first.
    result.failed[node] = why;
    if (lasting) result.unresolvable[node] = why;
  };
  std::vector<std::string> full;
  for (const std::string& node : args.nodes) {
    if (booked != nullptr) {
      if (booked->node == node) result.nodes.push_back(node);
      else fail(node, "a place is kept for it on " + booked->node, true);
      continue;
    }
    if (ledger.nodes().count(node) == 0) {
      fail(node, "is not known to the scheduler of VMs", true);
      continue;
    }
    const decide::Verdict verdict = decide::judge(ledger.totals(node), size);
    if (verdict.why.empty()) result.nodes.push_back(node);
    else fail(node, verdict.why, verdict.lasting);
    if (!verdict.why.empty() && !verdict.lasting) full.push_back(node);
  }
  if (result.nodes.empty() && !full.empty()) scheduler_.refused(*wanted, full);
  return result;
}

Result<std::vector<wire::HostScore>> ExtenderDoor::prioritize(const wire::ExtenderArgs& args) {
  const auto wanted = scheduler_.booking_for(args.pod);
  if (!wanted) return wanted.error();
  const decide::Ledger& ledger = scheduler_.ledger();
  Resources largest;
  for (const auto& [name, node] : ledger.nodes()) largest = field_max(largest, node.capacity);
  std::vector<wire::HostScore> scores;
  for (const std::string& node : args.nodes) {
    const int hundredths = decide::score(ledger.totals(node), taken(*wanted), largest, scheduler_.settings().score);
    scores.push_back({node, (hundredths * wire::highest_host_score + 50) / 100});
  }
  return scores;
}

Result<decide::Booking> ExtenderDoor::booking_of(const wire::ExtenderBinding& binding) const {
  const auto seen = remembered_.find(binding.uid);
  if (seen != remembered_.end()) return scheduler_.booking_for(seen->second.pod);
  const SeenRunner* runner = scheduler_.view().runner(binding.ns + "/" + binding.name);
  if (runner == nullptr)
    return Error{Code::not_found, "pod " + binding.ns + "/" + binding.name + " was not seen by /filter since this scheduler began; filter it again"};
  return scheduler_.booking_for(*runner);
}

void ExtenderDoor::answer_later(Bound done, Status answer) {
  loop_.post([weak = std::weak_ptr(alive_), done = std::move(done), answer = std::move(answer)] {
    if (!weak.expired()) done(answer);
  });
}

void ExtenderDoor::bind(const wire::ExtenderBinding& binding, Bound done) {
  auto booking = booking_of(binding);
  if (!booking) return answer_later(std::move(done), booking.error());
  booking->node = binding.node;
  const bool is_new = scheduler_.ledger().find(booking->holder) == nullptr;
  if (auto booked = scheduler_.book(*booking); !booked) return answer_later(std::move(done), booked.error());
  if (is_new && !scheduler_.ignores(*booking))
    runtime::log_info("scheduler", "booked", {{"pod", booking->holder}, {"node", booking->node}, {"size", to_string(taken(*booking))}});
  loop_.off_loop(
      [&orchestrator = orchestrator_, holder = booking->holder, binding] {
        return orchestrator.bind_pod(holder, binding.uid, binding.node, call_deadline());
      },
      [this, weak = std::weak_ptr(alive_), booking = *booking, is_new, done = std::move(done)](const Status& answer) {
        if (weak.expired()) return;
        bound(booking, is_new, answer);
        done(answer);
      });
}

void ExtenderDoor::bound(const decide::Booking& booking, bool is_new, const Status& answer) {
  const std::string outcome = answer ? "success" : std::string("error: ") + to_string(answer.error().code);
  metrics_.counter(families::up_k8s_ops, {"Create", "Binding", outcome}).add();
  if (answer) return;
  runtime::log_warning("scheduler", "a pod could not be bound", {{"pod", booking.holder}, {"node", booking.node}, {"error", answer.error().message}});
  // What may have been carried out keeps its place until the world says so, or for start_within; so does what was booked before.
  if (is_new && !is_unknown(answer.error().code)) scheduler_.release(booking.holder);
}

void ExtenderDoor::count(const char* method, const char* failure) {
  metrics_.counter(families::up_extension_calls, {method, "", "false"}).add();
  if (failure != nullptr) metrics_.counter(families::up_extension_fails, {method, "", "false", failure}).add();
}

void ExtenderDoor::route(runtime::HttpServer& server, const char* path, const char* method,
                         std::function<HttpResponse(const std::string& body)> answer) {
  server.route("POST", path, [this, method, answer = std::move(answer)](const HttpRequest& request, Responder respond) {
    const std::string why = scheduler_.why_not_ready();
    HttpResponse response = why.empty() ? answer(request.body) : text(503, why);
    count(method, response.status == 200 ? nullptr : "Error");
    respond(std::move(response));
  });
}

void ExtenderDoor::bind_request(const std::string& body, Responder respond) {
  const std::string why = scheduler_.why_not_ready();
  const auto binding = wire::decode_extender_binding(body);
  if (!why.empty() || !binding) {
    count("Reserve", "Error");
    return respond(why.empty() ? text(400, binding.error().message) : text(503, why));
  }
  auto kept = std::make_shared<Responder>(std::move(respond));
  bind(*binding, [this, kept](const Status& answer) {
    count("Reserve", answer ? nullptr : "Error");
    (*kept)(json(wire::encode_extender_binding_result(answer ? "" : answer.error().message)));
  });
}

void ExtenderDoor::serve(runtime::HttpServer& server) {
  route(server, "/filter", "Filter", [this](const std::string& body) {
    const auto args = wire::decode_extender_args(body);
    return args ? json(wire::encode(filter(*args), *args)) : text(400, args.error().message);
  });
  route(server, "/prioritize", "Score", [this](const std::string& body) {
    const auto args = wire::decode_extender_args(body);
    if (!args) return text(400, args.error().message);
    const auto scores = prioritize(*args);
    return scores ? json(wire::encode(*scores)) : text(400, scores.error().message);
  });
  server.route("POST", "/bind", [this](const HttpRequest& request, Responder respond) { bind_request(request.body, std::move(respond)); });
}

}  // namespace neonvm::daemon
