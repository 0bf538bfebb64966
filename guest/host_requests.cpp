#include "guest/host_requests.hpp"

#include "core/runtime/log.hpp"
#include "guest/file_text.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* room = "requests";

constexpr Duration just_booted = std::chrono::minutes(1);
constexpr Duration whole_seconds = std::chrono::seconds(2);

std::string text_of(const Revision& revision) { return std::to_string(revision.value); }

}  // namespace

void HostRequests::handle(const wire::GuestMessage& message) { std::visit(*this, message); }

void HostRequests::session_ended() {
  ++session_;
  doors_.streams.end_all();
}

void HostRequests::operator()(const wire::SetCpus& order) {
  runtime::log_info(room, "set CPUs", {{"count", std::to_string(order.count)}, {"rev", text_of(order.revision)}});
  doors_.cpus.want(order.count, [this, order, session = session_](const CpuOutcome& outcome) {
    runtime::log_info(room, "CPUs set", {{"online", std::to_string(outcome.online)},
                                         {"why", outcome.why},
                                         {"rev", text_of(order.revision)}});
    if (session != session_) return;
    wire::Reply reply = outcome.ok ? consent_to(order.id) : refusal(order.id, outcome.why);
    reply.cpus_online = outcome.online;
    doors_.send(reply);
  });
}

void HostRequests::operator()(const wire::AskConsent& question) {
  const auto done = [this, question, session = session_](const decide::ConsentAnswer& answer) {
    runtime::log_info(room, answer.ok ? "shrink consented to" : question.insist ? "shrink advised against" : "shrink refused",
                      {{"to", to_string(question.target)}, {"why", answer.why}, {"rev", text_of(question.revision)}});
    if (session != session_) return;
    wire::Reply reply = answer.ok ? consent_to(question.id) : refusal(question.id, answer.why);
    reply.why = answer.why;
    reply.floor = answer.ok ? std::nullopt : answer.floor;
    doors_.send(reply);
  };
  question.insist ? doors_.desk.insist(question.target, done) : doors_.desk.ask(question.target, done);
}

void HostRequests::operator()(const wire::TellGrown& news) {
  runtime::log_info(room, "grown", {{"to", to_string(news.granted)}, {"rev", text_of(news.revision)}});
  doors_.desk.grown(news.granted);
  doors_.send(consent_to(news.id));
  doors_.look_at_memory();
}

void HostRequests::operator()(const wire::AskClock& question) {
  if (!doors_.clock) return doors_.send(refusal(question.id, "this guest keeps its clock by itself"));
  wire::Reply reply = consent_to(question.id);
  reply.clock = doors_.clock->now();
  doors_.send(reply);
}

void HostRequests::operator()(const wire::SetClock& order) {
  if (!doors_.clock) return doors_.send(refusal(order.id, "this guest keeps its clock by itself"));
  const auto done = doors_.clock->correct({order.behind, order.error});
  if (!done) return doors_.send(refusal(order.id, done.error().message));
  wire::Reply reply = consent_to(order.id);
  reply.why = done->why;
  // At boot the kernel knows whole seconds only, from the machine's clock: that is no news.
  const bool boots = doors_.loop.now().time_since_epoch() < just_booted && std::chrono::abs(done->by) < whole_seconds;
  if (done->worth_telling && !boots) reply.told = done->warning ? wire::Told::warning : wire::Told::news;
  doors_.send(reply);
}

void HostRequests::operator()(const wire::DropSlab& order) {
  const auto drop = [] { return write_text("/proc/sys/vm/drop_caches", "2"); };
  doors_.loop.off_loop(drop, [this, weak = std::weak_ptr(alive_), id = order.id, session = session_](const Status& done) {
    if (weak.expired() || session != session_) return;
    doors_.send(done ? consent_to(id) : refusal(id, done.error().message));
  });
}

void HostRequests::operator()(const wire::SetSwap& order) {
  doors_.provisions.set_swap(order, [this, session = session_](const wire::Reply& reply) {
    if (session == session_) doors_.send(reply);
  });
}

void HostRequests::operator()(const wire::Shutdown& order) {
  runtime::log_info(room, "power off");
  doors_.send(consent_to(order.id));
  doors_.power_off();
}

void HostRequests::operator()(const wire::Ping& ping) {
  wire::Reply reply = consent_to(ping.id);
  reply.cpus_online = doors_.cpus.counts().first;
  doors_.send(reply);
}

}  // namespace neonvm::guest
