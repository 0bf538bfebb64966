// What decide/scaling says is to be done next, done.
#include <utility>

#include "core/daemon/vm_scaler.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {

using decide::SizeDeed;
using runtime::log_info;

bool VmScaler::start(const decide::Actions& actions) {
  // Before anything is asked: what is decided on it is decided anew.
  if (actions.headroom && take_headroom(*actions.headroom)) return true;
  bool started = false;
  if (actions.permit) started = true, ask_permit(*actions.permit);
  if (actions.resize) started = true, write_size(*actions.resize);
  if (actions.look) started = true, look(*actions.look);
  if (actions.consent) started = true, ask_consent(*actions.consent);
  if (actions.tell) started = true, tell_grown(*actions.tell);
  return started;
}

bool VmScaler::take_headroom(const Resources& wanted) {
  if (tools_.headroom == nullptr) return false;
  const Instant now = tools_.loop.now();
  const auto taken = tools_.headroom->take(runner_, scaling_->allowed(now), wanted, tools_.settings.scaling.compute_unit, asked_);
  if (!taken) return false;
  scaling_->headroom_taken(taken->to, taken->until, now);
  diary_.reached(0, "lent", to_string(taken->to), now);
  log_info("agent", "grows out of what is lent", {{"vm", name_}, {"to", to_string(taken->to)}});
  return true;
}

void VmScaler::ask_permit(const decide::AskPermit& deed) {
  wire::PermitRequest request;
  request.runner = runner_;
  request.compute_unit = tools_.settings.scaling.compute_unit;
  request.wanted = deed.wanted;
  request.last_permit = deed.last_permit;
  request.asked = asked_ = tools_.next_question();
  if (!samples_.empty() && is_known(samples_.newest().load1)) request.load1 = samples_.newest().load1;
  const bool news = !scaling_->permit() || *scaling_->permit() != deed.wanted;
  scaling_->permit_asked(deed, tools_.loop.now());
  counts_.permit_asked(deed);
  tools_.permits.ask(request, [this, weak = std::weak_ptr(alive_), runner = runner_, deed, news](const Result<wire::PermitResponse>& answer) {
    if (weak.expired() || runner != runner_) return;
    const Instant now = tools_.loop.now();
    counts_.permit_answered(deed, answer ? &answer->permit : nullptr, answer ? Code::internal : answer.error().code);
    if (answer) {
      scaling_->permit_granted(deed.id, answer->permit, now);
      if (news) diary_.reached(deed.revision.value, "permit", to_string(answer->permit), now);
    } else {
      scaling_->permit_failed(deed.id, answer.error(), now);
      if (news) diary_.reached(deed.revision.value, "permit failed", answer.error().message, now);
    }
    act("permit");
  });
}

// Conditional on the object as it is known here: who wrote meanwhile is read again first.
void VmScaler::write_size(const SizeDeed& deed) {
  scaling_->resize_started(deed, tools_.loop.now());
  counts_.size_asked(deed.from, deed.to);
  if (tools_.scaling_news) tools_.scaling_news({name_, false, deed.from, deed.to});
  diary_.revision_is(deed.revision.value);
  const Object* known = tools_.world.find(Kind::virtual_machine, name_);
  auto spec = known == nullptr ? Result<VmSpec>(Error{Code::not_found, "the VM is gone"}) : wire::decode_vm_spec(*known);
  const auto ended = [this, weak = std::weak_ptr(alive_), runner = runner_, deed](const Result<Object>& written) {
    if (weak.expired() || runner != runner_) return;
    const Instant now = tools_.loop.now();
    counts_.size_answered(written ? Status{} : Status(written.error()));
    if (written) {
      scaling_->resize_written(deed.id, now);
      diary_.reached(deed.revision.value, "written", to_string(deed.to), now);
      tools_.world.wrote(*written);
    } else {
      scaling_->resize_failed(deed.id, written.error(), now);
      diary_.reached(deed.revision.value, "write failed", written.error().message, now);
    }
    act("resize");
  };
  if (!spec) return tools_.loop.post([ended, error = spec.error()] { ended(error); });
  Object object = *known;
  spec->cpu.use = deed.to.cpu;
  spec->memory.use = deed.to.memory;
  spec->target_revision = deed.revision;
  spec->target_revision_at = tools_.loop.wall();
  wire::encode_vm_spec(*spec, object);
  log_info("agent", "resizing", {{"vm", name_}, {"from", to_string(deed.from)}, {"to", to_string(deed.to)},
                                 {"rev", std::to_string(deed.revision.value)}});
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, object = std::move(object), limit = tools_.settings.call_limit] {
        return orchestrator.update(object, call_deadline(limit));
      },
      ended);
}

void VmScaler::look(std::uint64_t id) {
  scaling_->look_started(id, tools_.loop.now());
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, name = name_, limit = tools_.settings.call_limit] {
        return orchestrator.get(Kind::virtual_machine, name, call_deadline(limit));
      },
      [this, weak = std::weak_ptr(alive_), runner = runner_, id](const Result<Object>& object) {
        if (weak.expired() || runner != runner_) return;
        const Instant now = tools_.loop.now();
        const auto spec = object ? wire::decode_vm_spec(*object) : Result<VmSpec>(object.error());
        if (spec) {
          scaling_->looked(id, spec->use(), spec->target_revision.value_or(Revision{}), now);
          tools_.world.wrote(*object);
        } else {
          scaling_->look_failed(id, spec.error(), now);
        }
        act("the VM was read again");
      });
}

void VmScaler::ask_consent(const SizeDeed& deed) {
  scaling_->consent_asked(deed, tools_.loop.now());
  counts_.guest_asked(deed.from, deed.to);
  diary_.revision_is(deed.revision.value);
  link_->request(wire::Consent{deed.to, deed.revision, false}, tools_.settings.guest_limit,
                 [this, weak = std::weak_ptr(alive_), runner = runner_, deed](const Result<wire::RunnerReply>& reply) {
                   if (weak.expired() || runner != runner_) return;
                   const Instant now = tools_.loop.now();
                   if (reply && reply->ok) {
                     scaling_->consent_given(deed.id, now);
                     counts_.guest_agreed(deed.from, deed.to);
                     diary_.reached(deed.revision.value, "guest agrees", to_string(deed.to), now);
                   } else if (reply && !reply->no_guest && reply->code == Code::refused) {
                     scaling_->consent_refused(deed.id, reply->why, reply->floor, now);
                     counts_.guest_refused(deed.from, deed.to);
                     diary_.reached(deed.revision.value, "guest refuses", to_string(deed.to) + ": " + reply->why, now);
                   } else {
                     const Error error = reply ? Error{reply->code, reply->why} : reply.error();
                     scaling_->consent_failed(deed.id, error, now);
                     counts_.guest_failed(deed.from, deed.to, error.code);
                   }
                   act("consent");
                 });
}

void VmScaler::tell_grown(const SizeDeed& deed) {
  scaling_->grown_started(deed, tools_.loop.now());
  counts_.guest_asked(deed.from, deed.to);
  link_->request(wire::Grown{deed.to, deed.revision}, tools_.settings.guest_limit,
                 [this, weak = std::weak_ptr(alive_), runner = runner_, deed](const Result<wire::RunnerReply>& reply) {
                   if (weak.expired() || runner != runner_) return;
                   const Instant now = tools_.loop.now();
                   if (reply && reply->ok) {
                     scaling_->grown_told(deed.id, now);
                     counts_.guest_agreed(deed.from, deed.to);
                     diary_.reached(deed.revision.value, "guest told", to_string(deed.to), now);
                   } else {
                     const Error error = reply ? Error{reply->code, reply->why} : reply.error();
                     scaling_->grown_failed(deed.id, error, now);
                     counts_.guest_failed(deed.from, deed.to, error.code);
                   }
                   act("guest told");
                 });
}

}  // namespace neonvm::daemon
