// The lifecycle's deeds.
#include <filesystem>

#include "core/daemon/vm_pass.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {

using decide::LifecycleDeed;
using runtime::WorkOutcome;

namespace {

constexpr Duration world_lags = std::chrono::milliseconds(50);
constexpr Duration start_retry = std::chrono::seconds(5);
constexpr Duration first_refusal = std::chrono::seconds(1), longest_refusal = std::chrono::seconds(60);

// The only refusal for lack of something that other software can give back without a word to us.
constexpr const char* no_address = "NoAddress";

const char* reason_of(Code code) {
  switch (code) {
    case Code::out_of_capacity: return "OutOfCapacity";
    case Code::refused: return "NoNode";
    case Code::unavailable:
    case Code::deadline_exceeded: return "SchedulerAway";
    default: return "StartRefused";
  }
}

}  // namespace

void VmKeeper::do_life(const PassPtr& pass, const decide::LifecycleDecision& decision) {
  const decide::LifecycleStep& step = decision.step;
  if (step.deed != LifecycleDeed::none)
    runtime::log_info("controller", to_string(step.deed), {{"vm", name_}, {"runner", step.runner}, {"why", step.because.text}});
  switch (step.deed) {
    case LifecycleDeed::none: return keep_size(pass);
    case LifecycleDeed::add_finalizer: return set_finalizer(pass, *pass->vm, true);
    case LifecycleDeed::start_runner: return start_runner(pass, step.runner);
    case LifecycleDeed::succeed_runner:
      return if_world_agrees(pass, [this, pass, step] { succeed_runner(pass, step.runner, step.predecessor); });
    case LifecycleDeed::stop_runner: return stop_runner(pass, step.runner, step.grace);
    case LifecycleDeed::forget_vm: return if_world_agrees(pass, [this, pass] { forget_vm(pass); });
  }
}

// Before anything irreversible the store itself is asked: a runner that the watch has not shown yet may have the VM. Not
// for the first: names are stored before there are runners, and ours has just taken the place of none.
void VmKeeper::if_world_agrees(const PassPtr& pass, std::function<void()> go_on) {
  if (pass->first_life) return go_on();
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, vm = name_, limit = tools_.settings.call_limit] {
        return orchestrator.list_runners(vm, call_deadline(limit));
      },
      [this, weak = std::weak_ptr(alive_), pass, go_on = std::move(go_on)](const Result<std::vector<Object>>& stored) {
        if (weak.expired()) return;
        if (!stored) return fail(pass, "the runners could not be listed", stored.error());
        bool agrees = true;
        std::set<std::string> there;
        for (const Object& object : *stored) {
          if (object.owner_uid != pass->vm->uid) continue;
          there.insert(object.name);
          const Object* known = tools_.world.find(Kind::runner, object.name);
          agrees = agrees && known != nullptr && known->uid == object.uid && known->version >= object.version;
          tools_.world.wrote(object);
        }
        for (const std::string& name : tools_.runners_of(pass->vm->uid)) agrees = agrees && there.count(name) != 0;
        if (!agrees && pass->start) tools_.places.release(pass->status.runner);
        if (!agrees) return end(pass, WorkOutcome::again(world_lags));
        go_on();
      });
}

// Before the place, which would have to be given back. What the status says it had is given again, if that can be.
void VmKeeper::find_address(const PassPtr& pass, decide::LifecycleDecision decision) {
  const OverlayAddress& before = pass->status.overlay;
  if (tools_.addresses == nullptr || (!pass->spec.overlay && before.empty())) return find_place(pass, std::move(decision));
  if (!pass->spec.overlay) {
    decision.status.overlay = {};
    return give_address_back(pass, [this, pass, decision = std::move(decision)] { find_place(pass, decision); });
  }
  tools_.addresses->claim(address_owner(*pass->vm), before, [this, weak = std::weak_ptr(alive_), pass,
                                                             decision = std::move(decision)](const Result<OverlayAddress>& address) mutable {
    if (weak.expired()) return;
    if (address) {
      decision.status.overlay = *address;
      return find_place(pass, std::move(decision));
    }
    pass->start = address.error();
    pass->cannot_start = no_address;
    conclude(pass, std::move(decision));
  });
}

void VmKeeper::give_address_back(const PassPtr& pass, std::function<void()> go_on) {
  if (tools_.addresses == nullptr) return go_on();
  tools_.addresses->release(address_owner(*pass->vm), [this, weak = std::weak_ptr(alive_), pass, go_on = std::move(go_on)](const Status& released) {
    if (weak.expired()) return;
    if (!released) return fail(pass, "an address could not be given back", released.error());
    go_on();
  });
}

// Before the status is written, which so says at once where the VM will be.
void VmKeeper::find_place(const PassPtr& pass, decide::LifecycleDecision decision) {
  const decide::MachineDefaults& defaults = tools_.settings.machine;
  const std::string directory = defaults.directory.empty() ? tools_.orchestrator.vm_directory(name_) : defaults.directory;
  auto machine = decide::plan_machine(pass->spec, *pass->vm, directory, defaults, decision.status.overlay);
  if (!machine) {
    pass->start = machine.error();
    pass->cannot_start = "MachineInvalid";
    return conclude(pass, std::move(decision));
  }
  RunnerSpec spec;
  spec.vm = name_;
  spec.vm_uid = pass->vm->uid;
  spec.machine = wire::encode(*machine);
  const PlacementAsk ask{*pass->vm, decision.step.runner, "", ""};
  tools_.places.place(ask, [this, weak = std::weak_ptr(alive_), pass, decision = std::move(decision),
                            spec = std::move(spec)](const Result<std::string>& node) mutable {
    if (weak.expired()) return;
    if (node) {
      spec.node = *node;
      decide::note_place(decision, *node, tools_.loop.wall());
      pass->start = std::move(spec);
    } else {
      pass->start = node.error();
      pass->cannot_start = reason_of(node.error().code);
    }
    conclude(pass, std::move(decision));
  });
}

void VmKeeper::start_runner(const PassPtr& pass, const std::string& runner) {
  if (!*pass->start) return refused(pass, pass->cannot_start, pass->start->error());
  if_world_agrees(pass, [this, pass, runner] { launch(pass, runner, **pass->start); });
}

// What is wrong with the wish or lacks room waits for an event; everything else for a while.
void VmKeeper::refused(const PassPtr& pass, const std::string& reason, const Error& error) {
  const bool by_room = error.code == Code::out_of_capacity || error.code == Code::refused;
  if (by_room && pass->rooms != rooms_) return again(pass);
  decide::Refusal refusal{error.code, reason, error.message, std::nullopt};
  const bool by_event = by_room || error.code == Code::invalid_argument;
  const bool away = error.code == Code::unavailable || error.code == Code::deadline_exceeded;
  if (!by_event || reason == no_address) refusal.retry_at = tools_.loop.now() + (away ? tools_.settings.place_retry : start_retry);
  const bool news = !tries_.refused || tries_.refused->why != refusal.why;
  tries_.refused = std::move(refusal);
  if (news) runtime::log_warning("controller", "a VM cannot be started now", {{"vm", name_}, {"reason", reason}, {"why", error.message}});
  again(pass);
}

// By a quota, or by other software's rules: neither tells when it would no longer be.
void VmKeeper::start_refused(const PassPtr& pass, const Error& error) {
  if (error.code == Code::invalid_argument) return refused(pass, "StartRefused", error);
  const Duration wait = std::min<Duration>(first_refusal * (1u << std::min(start_refusals_++, 8u)), longest_refusal);
  const bool news = !tries_.refused || tries_.refused->why != error.message;
  tries_.refused = decide::Refusal{error.code, "StartRefused", error.message, tools_.loop.now() + wait};
  if (news) runtime::log_warning("controller", "a runner was refused", {{"vm", name_}, {"why", error.message}});
  again(pass);
}

// The successor is given its predecessor's machine, run directory included.
void VmKeeper::succeed_runner(const PassPtr& pass, const std::string& runner, const std::string& predecessor) {
  const Object* before = tools_.world.find(Kind::runner, predecessor);
  if (before == nullptr) return again(pass);
  auto spec = wire::decode_runner_spec(before->spec);
  if (!spec) return fail(pass, "the predecessor cannot be read", spec.error());
  spec->attach_only = true;
  launch(pass, runner, std::move(*spec));
}

void VmKeeper::launch(const PassPtr& pass, const std::string& name, RunnerSpec spec) {
  Object object;
  object.kind = Kind::runner;
  object.name = name;
  object.owner_uid = spec.vm_uid;
  object.spec = wire::encode(spec);
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, object = std::move(object), limit = tools_.settings.call_limit] {
        auto started = orchestrator.start_runner(object, call_deadline(limit));
        // A start of before whose answer was lost.
        if (!started && started.error().code == Code::already_exists)
          return orchestrator.get(Kind::runner, object.name, call_deadline(limit));
        return started;
      },
      [this, weak = std::weak_ptr(alive_), pass, name](const Result<Object>& started) {
        if (!weak.expired()) launched(pass, name, started);
      });
}

void VmKeeper::launched(const PassPtr& pass, const std::string& name, const Result<Object>& started) {
  if (started) {
    start_refusals_ = 0;
    tools_.world.wrote(*started);
    return again(pass);
  }
  // A quota's no is for people to hear of.
  const Code code = started.error().code;
  if (is_transient(code) && code != Code::out_of_capacity) return fail(pass, "a runner could not be started", started.error());
  tools_.places.release(name);
  const bool target = pass->move && pass->move_status.target_runner == name;
  if (!target) return start_refused(pass, started.error());
  moving().refused = decide::Refusal{started.error().code, "StartRefused", started.error().message, std::nullopt};
  again(pass);
}

void VmKeeper::stop_runner(const PassPtr& pass, const std::string& runner, Duration grace) {
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, runner, grace, limit = tools_.settings.call_limit]() -> Result<Object> {
        if (auto stopped = orchestrator.stop_runner(runner, grace, call_deadline(limit)); !stopped) return stopped.error();
        return orchestrator.get(Kind::runner, runner, call_deadline(limit));
      },
      [this, weak = std::weak_ptr(alive_), pass](const Result<Object>& now) {
        if (weak.expired()) return;
        const bool gone = !now && now.error().code == Code::not_found;
        if (!now && !gone) return fail(pass, "a runner could not be stopped", now.error());
        if (now) tools_.world.wrote(*now);
        end(pass, gone ? WorkOutcome::again(world_lags) : WorkOutcome::success());
      });
}

// Nothing is known of what it should be; but it can be let go, and what runs of it with it.
void VmKeeper::leave_unread(const PassPtr& pass) {
  const Object* object = tools_.world.find(Kind::virtual_machine, name_);
  if (object == nullptr || !object->deleting || !object->finalizer) return end(pass, WorkOutcome::success());
  pass->vm = *object;
  const auto runners = runner_objects(object->uid);
  for (const Object& runner : runners)
    if (!runner.deleting) return stop_runner(pass, runner.name, VmSpec{}.grace);
  if (!runners.empty()) return end(pass, WorkOutcome::success());
  if_world_agrees(pass, [this, pass] { forget_vm(pass); });
}

// The files first: were the object gone and the files left, nobody would look for them again.
void VmKeeper::forget_vm(const PassPtr& pass) {
  tools_.loop.off_loop(
      [directory = tools_.orchestrator.vm_directory(name_)]() -> Status {
        if (directory.empty()) return {};
        std::error_code error;
        std::filesystem::remove_all(directory, error);
        if (error) return Error{Code::internal, directory + ": " + error.message()};
        return {};
      },
      [this, weak = std::weak_ptr(alive_), pass](const Status& removed) {
        if (weak.expired()) return;
        if (!removed) return fail(pass, "the files of a deleted VM could not be removed", removed.error());
        give_address_back(pass, [this, pass] { set_finalizer(pass, *pass->vm, false); });
      });
}

}  // namespace neonvm::daemon
