// The migration's deeds.
#include "core/daemon/vm_pass.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {

using decide::MigrationDeed;
using runtime::WorkOutcome;

namespace {

MachineState replay_of(const wire::RunnerReport& source, const MachineSpec& machine) {
  MachineState state;
  state.phase = source.phase;
  state.accelerator = source.accelerator;
  state.machine_type = source.machine_type;
  state.version = source.hypervisor_version;
  state.cpus_present = source.cpus_present;
  state.cpu_slots = source.cpu_slots;
  state.base_memory = machine.base_memory;
  state.plugged_memory = source.memory.actual - machine.base_memory;
  state.plugged_wish = source.memory.asked - machine.base_memory;
  return state;
}

// The runner said no before it did anything.
bool surely_refused(const Result<wire::RunnerReply>& reply) {
  return reply && !reply->ok &&
         (reply->code == Code::failed_precondition || reply->code == Code::unsupported || reply->code == Code::invalid_argument);
}

}  // namespace

void VmKeeper::do_move(const PassPtr& pass, const decide::MigrationDecision& decision) {
  const decide::MigrationStep& step = decision.step;
  runtime::log_info("controller", to_string(step.deed),
                    {{"vm", name_}, {"migration", pass->migration->name}, {"runner", step.runner}, {"why", step.because.text}});
  switch (step.deed) {
    case MigrationDeed::none: return again(pass);
    case MigrationDeed::add_finalizer: return set_finalizer(pass, *pass->migration, true);
    case MigrationDeed::drop_finalizer: return set_finalizer(pass, *pass->migration, false);
    case MigrationDeed::reserve_target: return reserve_target(pass);
    case MigrationDeed::release_target: tools_.places.release(step.runner); return again(pass);
    case MigrationDeed::start_target: return start_target(pass, step.runner);
    case MigrationDeed::succeed_target: return succeed_runner(pass, step.runner, step.predecessor);
    case MigrationDeed::retire_source:
    case MigrationDeed::end_target: return end_side(pass, step);
    case MigrationDeed::listen:
    case MigrationDeed::copy:
    case MigrationDeed::cancel_copy:
    case MigrationDeed::activate_target:
    case MigrationDeed::activate_source: return order(pass, step);
  }
}

void VmKeeper::reserve_target(const PassPtr& pass) {
  const MigrationSpec& spec = pass->move_spec;
  const MigrationStatus& status = pass->move->status;
  tools_.places.reserve_target(
      {*pass->vm, status.target_runner, spec.target_node, spec.prevent_same_node ? status.source_node : ""},
      [this, weak = std::weak_ptr(alive_), pass](const Result<std::string>& node) {
        if (weak.expired()) return;
        moving().refused.reset();
        if (node) {
          moving().reserved_node = *node;
          return again(pass);
        }
        const Error& error = node.error();
        decide::Refusal refusal{error.code, "NoNode", error.message, std::nullopt};
        const bool by_room = error.code == Code::out_of_capacity || error.code == Code::refused;
        if (by_room && pass->rooms != rooms_) return again(pass);
        if (!by_room) refusal.retry_at = tools_.loop.now() + tools_.settings.place_retry;
        moving().refused = std::move(refusal);
        again(pass);
      });
}

// The source's own machine, in a run directory of its own and waiting for the stream.
void VmKeeper::start_target(const PassPtr& pass, const std::string& runner) {
  const decide::RunnerFacts* source = decide::holder_of(pass->runners, pass->move_status.source_runner);
  const Object* object = source == nullptr ? nullptr : tools_.world.find(Kind::runner, source->name);
  if (object == nullptr) return again(pass);
  auto spec = wire::decode_runner_spec(object->spec);
  auto machine = spec ? wire::decode_machine_spec(spec->machine) : Result<MachineSpec>(spec.error());
  if (!machine) return fail(pass, "the source's machine cannot be read", machine.error());
  machine->incoming = true;
  machine->run_dir.clear();
  machine->guest_socket.clear();
  machine->console_socket.clear();
  // QEMU refuses a stream of another machine type or accelerator than its own.
  if (source->word && !source->word->machine_type.empty()) machine->machine_type = source->word->machine_type;
  if (source->word && source->word->accelerator == "kvm") machine->accelerator = Accelerator::kvm;
  if (source->word && source->word->accelerator == "tcg") machine->accelerator = Accelerator::tcg;
  spec->machine = wire::encode(*machine);
  spec->node = pass->move->status.target_node;
  spec->role = RunnerRole::target;
  spec->attach_only = false;
  launch(pass, runner, std::move(*spec));
}

void VmKeeper::order(const PassPtr& pass, const decide::MigrationStep& step) {
  const auto link = links_.find(step.runner);
  const bool up = link != links_.end() && link->second.link && link->second.link->is_connected();
  if (!up) {
    moving().order_due = tools_.loop.now() + tools_.settings.order_retry;
    return again(pass);
  }
  wire::RunnerBody body;
  switch (step.deed) {
    case MigrationDeed::listen: {
      const decide::RunnerFacts* source = decide::holder_of(pass->runners, pass->move_status.source_runner);
      const auto from = source == nullptr ? links_.end() : links_.find(source->name);
      const Object* object = tools_.world.find(Kind::runner, step.runner);
      const auto spec = object == nullptr ? Result<RunnerSpec>(Error{Code::not_found, "gone"}) : wire::decode_runner_spec(object->spec);
      const auto machine = spec ? wire::decode_machine_spec(spec->machine) : Result<MachineSpec>(spec.error());
      if (from == links_.end() || !from->second.link || !from->second.link->last_report() || !machine) return again(pass);
      body = wire::Listen{replay_of(*from->second.link->last_report(), *machine)};
      break;
    }
    case MigrationDeed::copy: {
      const decide::RunnerFacts* target = decide::holder_of(pass->runners, pass->move_status.target_runner);
      if (target == nullptr || !target->word) return again(pass);
      body = wire::MigrateTo{target->word->incoming_address, pass->move_spec};
      break;
    }
    case MigrationDeed::cancel_copy: body = wire::CancelMigration{}; break;
    default: body = wire::Activate{}; break;
  }
  // What it said before knows nothing of this order: nothing is decided from it any more.
  link->second.fresh = false;
  const bool never_ran = moving().never_ran;
  if (step.deed == MigrationDeed::activate_target) moving().never_ran = false;
  link->second.link->request(
      std::move(body), tools_.settings.order_limit,
      [this, weak = std::weak_ptr(alive_), pass, deed = step.deed, never_ran, runner = step.runner](const Result<wire::RunnerReply>& reply) {
        if (weak.expired()) return;
        // A report that came meanwhile may still be older than the order.
        if (const auto at = links_.find(runner); deed == MigrationDeed::copy && at != links_.end()) at->second.fresh = false;
        if (deed == MigrationDeed::activate_target && surely_refused(reply)) moving().never_ran = never_ran;
        ask_how_it_stands(runner);
        ordered(pass, deed, reply);
      });
}

// The report that this brings makes the runner's word fresh again.
void VmKeeper::ask_how_it_stands(const std::string& runner) {
  const auto link = links_.find(runner);
  if (link == links_.end() || !link->second.link) return;
  link->second.link->request(wire::GetReport{}, tools_.settings.order_limit, [](const Result<wire::RunnerReply>&) {});
}

void VmKeeper::ordered(const PassPtr& pass, MigrationDeed deed, const Result<wire::RunnerReply>& reply) {
  moving().order_due.reset();
  if (reply && reply->ok) {
    if (deed == MigrationDeed::copy) {
      ++moving().copies;
      moving().progressed = tools_.loop.now();
    }
    // What it led to comes as a report, in its own time.
    moving().order_due = tools_.loop.now() + tools_.settings.order_retry;
    return again(pass);
  }
  const std::string why = reply ? reply->why : reply.error().message;
  runtime::log_warning("controller", "a runner refused an order of a migration", {{"vm", name_}, {"order", to_string(deed)}, {"why", why}});
  moving().order_due = tools_.loop.now() + tools_.settings.order_retry;
  again(pass);
}

// Asked itself where it can be, because it knows whether its end would lose the VM; else by who started it.
void VmKeeper::end_side(const PassPtr& pass, const decide::MigrationStep& step) {
  const std::string& runner = step.runner;
  const auto link = links_.find(runner);
  const bool up = link != links_.end() && link->second.fresh && link->second.link->is_connected();
  if (!up && step.unless_whole) {
    moving().order_due = tools_.loop.now() + tools_.settings.order_retry;
    return again(pass);
  }
  if (!up) return stop_runner(pass, runner, Duration::zero());
  link->second.fresh = false;
  link->second.link->request(wire::Abandon{step.unless_whole}, tools_.settings.order_limit,
                             [this, weak = std::weak_ptr(alive_), pass, runner](const Result<wire::RunnerReply>& reply) {
                               if (weak.expired()) return;
                               ask_how_it_stands(runner);
                               ordered(pass, MigrationDeed::end_target, reply);
                             });
}

}  // namespace neonvm::daemon
