// The runner's two parts in a migration. Who decides is the controller (decide/migration); here are the deeds.
#include <utility>

#include "core/daemon/runner.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

using runtime::log_info;
using runtime::log_warning;

namespace {

wire::RunnerReply reply_from(const Status& status) {
  wire::RunnerReply reply;
  reply.ok = status.ok();
  if (!status) {
    reply.code = status.error().code;
    reply.why = status.error().message;
  }
  return reply;
}

// The source lets go of its ports when it has stopped, which is a moment before or after the target runs.
constexpr Duration forward_patience = std::chrono::seconds(10);
constexpr Duration forward_retry = std::chrono::milliseconds(50);

}  // namespace

void Runner::listen(const wire::Listen& order, Answer answer) {
  if (!report_.incoming_address.empty()) {
    wire::RunnerReply reply;
    reply.ok = true;
    reply.text = report_.incoming_address;
    return answer(reply);
  }
  hold_->command(settings_.start_limit,
                 [replay = order.replay](Machine& machine, Deadline deadline) { return machine.listen(replay, deadline); },
                 [this, answer = std::move(answer), replay = order.replay](const Result<std::string>& address) {
                   if (!address) return answer(reply_from(address.error()));
                   report_.incoming_address = *address;
                   facts_.asked.memory = decide::total_for(shape_, replay.plugged_wish);
                   note_memory(replay.plugged_memory, replay.plugged_wish);
                   drive();
                   wire::RunnerReply reply;
                   reply.ok = true;
                   reply.text = *address;
                   answer(reply);
                 });
}

void Runner::migrate_to(const wire::MigrateTo& order, Answer answer) {
  if (migrating() || report_.phase == MachinePhase::migrated_away) {
    wire::RunnerReply reply;  // the same order again, from a controller that did not hear our answer
    reply.ok = true;
    return answer(reply);
  }
  sends_vm_ = true;
  report_.migration = {};
  report_.migration.state = MigrationState::setup;
  changed();
  hold_->command(settings_.command_limit,
                 [order](Machine& machine, Deadline deadline) {
                   return machine.migrate_to(order.address, order.limits, deadline);
                 },
                 [this, answer = std::move(answer)](const Status& status) {
                   if (!status) {
                     MigrationReport failed;
                     failed.state = MigrationState::failed;
                     failed.why = status.error().message;
                     migration_moved(failed);
                   }
                   answer(reply_from(status));
                 });
}

void Runner::cancel_migration(Answer answer) {
  hold_->command(settings_.command_limit,
                 [](Machine& machine, Deadline deadline) { return machine.cancel_migration(deadline); },
                 [answer = std::move(answer)](const Status& status) { answer(reply_from(status)); });
}

void Runner::migration_moved(const MigrationReport& now) {
  const MigrationState before = report_.migration.state;
  report_.migration = now;
  changed();
  if (now.state == before) return;
  log_info("runner", "migration", {{"vm", report_.vm}, {"state", to_string(now.state)}, {"why", now.why}});
  // A target hears "completed" too, perhaps after it was told to run.
  if (now.state == MigrationState::completed && std::exchange(sends_vm_, false)) {
    report_.phase = MachinePhase::migrated_away;
    guest_->stop();
    // The target needs these ports now, and this QEMU stays until the controller has seen the target run.
    for (const Port& port : report_.forwards) {
      hold_->command(settings_.command_limit,
                     [port](Machine& machine, Deadline deadline) { return machine.remove_forward(port, deadline); },
                     [](const Status&) {});
    }
    report_.forwards.clear();
  }
  if (now.state == MigrationState::failed || now.state == MigrationState::cancelled) sends_vm_ = false;
  facts_.phase = report_.phase;
  drive();  // what was asked during the copy waited for this
  if (!facts_.memory_moving) return;
  follow_memory();
}

void Runner::activate(Answer answer) {
  hold_->command(settings_.command_limit, [](Machine& machine, Deadline deadline) { return machine.resume(deadline); },
                 [this, answer = std::move(answer)](const Status& status) {
                   if (!status) return answer(reply_from(status));
                   // A source whose target died before it ran: the guest is ours again.
                   if (report_.phase == MachinePhase::migrated_away) guest_->start();
                   report_.phase = MachinePhase::running;
                   has_vm_ = true;
                   if (report_.forwards.empty()) {
                     for (const Port& port : forwards_) open_forward(port, loop_.now() + forward_patience);
                   }
                   // The new QEMU's virtio-mem may be asked for another size than the stream brought.
                   facts_.phase = report_.phase;
                   follow_memory();
                   drive();
                   answer(reply_from(status));
                 });
}

void Runner::open_forward(const Port& port, Instant give_up) {
  hold_->command(settings_.command_limit,
                 [port](Machine& machine, Deadline deadline) { return machine.add_forward(port, deadline); },
                 [this, port, give_up](const Status& status) {
                   if (status) {
                     report_.forwards.push_back(port);
                     return changed();
                   }
                   if (loop_.now() >= give_up) {
                     log_warning("runner", "a port of this host could not be opened for the VM",
                                 {{"port", std::to_string(port.host)}, {"error", status.error().message}});
                     return;
                   }
                   auto timer = std::make_unique<runtime::Timer>();
                   runtime::Timer& slot = *timer;
                   forward_timers_.insert(std::move(timer));
                   slot = loop_.after(forward_retry, [this, port, give_up] { open_forward(port, give_up); });
                 });
}

void Runner::abandon(const wire::Abandon& order, Answer answer) {
  const bool never_ran = settings_.machine.incoming && !has_vm_;
  if (report_.phase != MachinePhase::migrated_away && !never_ran) {
    wire::RunnerReply reply;
    reply.code = Code::failed_precondition;
    reply.why = std::string("this VM is ") + to_string(report_.phase) + " here; stop it instead";
    return answer(reply);
  }
  const std::string cause = std::exchange(cause_, never_ran ? "the migration to here was called off" : cause_);
  hold_->command(settings_.command_limit,
                 [unless_whole = order.unless_whole && never_ran](Machine& machine, Deadline deadline) -> Status {
                   if (!unless_whole) return machine.kill(deadline);
                   // What was last heard may be older than the last byte.
                   const auto copy = machine.migration(deadline);
                   if (!copy) return copy.error();
                   if (copy->state != MigrationState::completed) return machine.kill(deadline);
                   return Error{Code::failed_precondition, "everything has arrived here"};
                 },
                 [this, cause, answer = std::move(answer)](const Status& status) {
                   if (!status) cause_ = cause;
                   answer(reply_from(status));
                 });
}

}  // namespace neonvm::daemon
