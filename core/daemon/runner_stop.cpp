// The runner's words with the guest, and its way to end a VM: ask, press the button, quit QEMU, kill it.
#include "core/daemon/runner.hpp"
#include "core/daemon/runner_stopping.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

using runtime::log_warning;

namespace {

// QEMU flushes its disks on quit; only a QEMU that hangs is killed.
constexpr Duration quit_limit = std::chrono::seconds(3);

wire::RunnerReply reply_from(const Status& status) {
  wire::RunnerReply reply;
  reply.ok = status.ok();
  if (!status) {
    reply.code = status.error().code;
    reply.why = status.error().message;
  }
  return reply;
}

}  // namespace

void Runner::stop(Duration grace) {
  if (ended_) return;
  if (stopping_) {
    // A second order may only make it sooner.
    const Duration left = stopping_->began + stopping_->grace - loop_.now();
    if (grace >= left) return;
  }
  stopping_ = std::make_unique<Stopping>();
  stopping_->began = loop_.now();
  stopping_->grace = grace;
  if (hold_) press_harder();
}

void Runner::press_harder() {
  Stopping& stopping = *stopping_;
  const Instant over = stopping.began + stopping.grace;
  const auto again_at = [this, &stopping](Instant when) { stopping.next = loop_.at(when, [this] { press_harder(); }); };
  const auto complain = [](const Status& status) {
    if (!status) log_warning("runner", "a step of the stop failed", {{"error", status.error().message}});
  };
  switch (stopping.step) {
    case Stopping::Step::ask_guest: {
      stopping.step = Stopping::Step::power_button;
      if (!guest_->connected()) return press_harder();
      guest_->request(wire::Shutdown{}, settings_.guest_limit, [](const Result<wire::Reply>&) {});
      return again_at(stopping.began + stopping.grace / 2);
    }
    case Stopping::Step::power_button: {
      stopping.step = Stopping::Step::quit;
      hold_->command(settings_.command_limit,
                     [](Machine& machine, Deadline deadline) { return machine.press_power_button(deadline); }, complain);
      return again_at(over);
    }
    case Stopping::Step::quit: {
      stopping.step = Stopping::Step::kill;
      if (cause_.empty()) {
        cause_ = "quit: the guest did not power off within " +
                 std::to_string(stopping.grace / std::chrono::milliseconds(1)) + " ms";
      }
      log_warning("runner", cause_, {{"vm", report_.vm}});
      hold_->command(quit_limit, [](Machine& machine, Deadline deadline) { return machine.quit(deadline); }, complain);
      return again_at(loop_.now() + quit_limit);
    }
    case Stopping::Step::kill: {
      log_warning("runner", "QEMU does not quit: killing it", {{"vm", report_.vm}});
      hold_->command(settings_.command_limit, [](Machine& machine, Deadline deadline) { return machine.kill(deadline); },
                     complain);
      return again_at(loop_.now() + settings_.command_limit);
    }
  }
}

void Runner::ask_consent(const wire::Consent& order, Answer answer) {
  wire::AskConsent question;
  question.target = order.target;
  question.revision = order.revision;
  question.insist = order.insist;
  guest_->request(question, settings_.guest_limit, [this, answer = std::move(answer)](const Result<wire::Reply>& said) {
    if (!said) {
      wire::RunnerReply reply = reply_from(said.error());
      reply.no_guest = said.error().code == Code::unavailable;
      return answer(reply);
    }
    wire::RunnerReply reply;
    reply.ok = said->ok;
    reply.code = Code::refused;
    reply.why = said->why;
    reply.floor = said->floor;
    report_.guest_floor = said->ok ? std::nullopt : said->floor;
    changed();
    answer(reply);
  });
}

void Runner::tell_grown(const wire::Grown& order, Answer answer) {
  wire::TellGrown news;
  news.granted = order.granted;
  news.revision = order.revision;
  guest_->request(news, settings_.guest_limit, [answer = std::move(answer)](const Result<wire::Reply>& said) {
    if (!said) {
      wire::RunnerReply reply = reply_from(said.error());
      reply.no_guest = said.error().code == Code::unavailable;
      return answer(reply);
    }
    wire::RunnerReply reply;
    reply.ok = said->ok;
    reply.code = Code::refused;
    reply.why = said->why;
    answer(reply);
  });
}

}  // namespace neonvm::daemon
