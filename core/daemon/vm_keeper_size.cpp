// The size of a VM that runs: what its object asks for is ordered from its runner.
//
// A VM that scales by itself was permitted its size before its agent wrote it. One that is sized by hand asks here: grow =
// permit, then order; shrink = order, and when the VM is smaller, give the rest back.
#include <algorithm>

#include "core/daemon/vm_pass.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

using runtime::WorkOutcome;

namespace {

// Permits count in what the scheduler sells: any CPU share, and memory in the VM's own slots.
Resources unit_of(const VmSpec& spec) { return {MilliCpu{250}, std::max(spec.memory.slot_size, Bytes{mib})}; }

// What the permit allows of the wish, memory in whole slots above the minimum.
Resources allowed(const VmSpec& spec, const Resources& permit) {
  Resources size = field_min(spec.use(), permit);
  const Bytes above = size.memory - spec.memory.min;
  size.memory = spec.memory.min + round_down(above, std::max<std::uint64_t>(spec.memory.slot_size.value, 1));
  return field_max(size, field_min(spec.min(), spec.use()));
}

}  // namespace

void VmKeeper::keep_size(const PassPtr& pass) {
  const auto finish = [this, &pass] {
    if (!pass->look_again) return end(pass, WorkOutcome::success());
    end(pass, WorkOutcome::again(std::max(*pass->look_again - tools_.loop.now(), Duration::zero())));
  };
  const decide::RunnerFacts* runner = decide::holder_of(pass->runners, pass->status.runner);
  const bool moving = pass->move && pass->move->holds_vm;
  const bool there = runner != nullptr && decide::is_running(*runner) && runner->word->fresh && !runner->deleting;
  if (there && !pass->spec.stopped && !pass->vm->deleting) tend(pass);
  if (!there || moving || pass->spec.stopped || pass->vm->deleting) return finish();
  const decide::RunnerWord& word = *runner->word;
  order_swap(pass, word);
  Resources size = pass->spec.use();
  size_why_.clear();
  if (!pass->spec.scaling.enabled) {
    if (permit_runner_ != runner->name) {
      permit_runner_ = runner->name;
      permit_.reset();
      permit_wanted_.reset();
      permit_due_.reset();
    }
    const Resources held = field_max({word.cpu.asked, word.memory.asked}, {word.cpu.actual, word.memory.actual});
    const Resources wanted = field_max(size, held);
    const bool due = permit_wanted_ != wanted || (permit_ && exceeds_somewhere(wanted, *permit_)) || !permit_;
    if (due && !permit_open_) ask_permit(pass, wanted);
    size = permit_ ? allowed(pass->spec, field_max(*permit_, field_min(held, size))) : field_min(size, {word.cpu.asked, word.memory.asked});
    if (size != pass->spec.use() && permit_)
      size_why_ = "has not all that is asked: the node gives " + to_string(size) + " of " + to_string(pass->spec.use());
  } else {
    permit_runner_.clear();
  }
  const Revision revision = pass->spec.target_revision.value_or(Revision{});
  const bool same = word.cpu.asked == size.cpu && word.memory.asked == size.memory && word.revision == revision;
  const bool by_hand = !pass->spec.scaling.enabled;
  if (!by_hand) hand_ = ByHand{};
  if (!same && !size_open_ && (!by_hand || guest_was_asked(pass, word, size))) order_size(pass, size);
  if (by_hand) tell_guest(pass, word, size);
  finish();
}

void VmKeeper::order_swap(const PassPtr& pass, const decide::RunnerWord& word) {
  const Bytes wanted = pass->spec.swap.value_or(Bytes{});
  const auto link = links_.find(pass->status.runner);
  if (!word.swap || word.swap->asked == wanted || swap_open_) return;
  if (link == links_.end() || !link->second.link || !link->second.link->is_connected()) return;
  runtime::log_info("controller", "ordering swap", {{"vm", name_}, {"size", to_string(wanted)}});
  swap_open_ = true;
  link->second.link->request(wire::Swap{wanted}, tools_.settings.order_limit, [this, weak = std::weak_ptr(alive_)](const Result<wire::RunnerReply>& reply) {
    if (weak.expired()) return;
    swap_open_ = false;
    if (reply && reply->ok) return;
    runtime::log_warning("controller", "a runner did not take a size of swap", {{"vm", name_}, {"why", reply ? reply->why : reply.error().message}});
  });
}

// Before a shrink: hooks make room for it. A size that is given by hand is insisted on: a no is shown while the way there
// lasts, and the runner stops where the guest could not run on (decide/memory_plan, `least`).
bool VmKeeper::guest_was_asked(const PassPtr& pass, const decide::RunnerWord& word, const Resources& size) {
  const Resources has{word.cpu.asked, word.memory.asked};
  hand_.to_tell = exceeds_somewhere(size, has) ? std::optional(size) : std::nullopt;
  if (!exceeds_somewhere(has, size) || !word.guest_connected) return true;
  if (hand_.asked == size) return !hand_.open;
  const auto link = links_.find(pass->status.runner);
  if (link == links_.end() || !link->second.link || !link->second.link->is_connected()) return true;
  hand_.asked = size;
  hand_.no.clear();
  hand_.open = true;
  link->second.link->request(wire::Consent{size, pass->spec.target_revision.value_or(Revision{}), true}, tools_.settings.order_limit,
                             [this, weak = std::weak_ptr(alive_), size](const Result<wire::RunnerReply>& reply) {
                               if (weak.expired() || hand_.asked != size) return;
                               hand_.open = false;
                               if (reply && !reply->ok && !reply->no_guest) hand_.no = reply->why;
                               tools_.look_at(name_);
                             });
  return false;
}

// After a growth: hooks use what is there now.
void VmKeeper::tell_guest(const PassPtr& pass, const decide::RunnerWord& word, const Resources& size) {
  const bool there = word.cpu.actual == size.cpu && word.memory.actual == size.memory;
  if (!there && !hand_.no.empty() && hand_.asked == size && size_why_.empty()) size_why_ = "shrinks against its guest's advice: " + hand_.no;
  if (!there) return;
  hand_.asked.reset();
  hand_.no.clear();
  const auto link = links_.find(pass->status.runner);
  if (hand_.to_tell != size || link == links_.end() || !link->second.link || !link->second.link->is_connected()) return;
  hand_.to_tell.reset();
  link->second.link->request(wire::Grown{size, pass->spec.target_revision.value_or(Revision{})}, tools_.settings.order_limit,
                             [](const Result<wire::RunnerReply>&) {});  // who was not there looks by itself within ten seconds
}

void VmKeeper::ask_permit(const PassPtr& pass, const Resources& wanted) {
  const Instant now = tools_.loop.now();
  if (permit_wanted_ == wanted && permit_due_ && *permit_due_ > now) return pass->wake(permit_due_);
  wire::PermitRequest request;
  request.runner = permit_runner_;
  request.compute_unit = unit_of(pass->spec);
  request.wanted = wanted;
  request.last_permit = permit_;
  permit_wanted_ = wanted;
  permit_open_ = true;
  permit_due_ = now + tools_.settings.permit_retry;
  tools_.permits.ask(request, [this, weak = std::weak_ptr(alive_), wanted, runner = permit_runner_](const Result<wire::PermitResponse>& answer) {
    if (weak.expired()) return;
    permit_open_ = false;
    if (runner != permit_runner_) return;
    permit_came(answer, wanted);
  });
}

void VmKeeper::permit_came(const Result<wire::PermitResponse>& answer, const Resources& wanted) {
  if (answer) {
    const bool news = permit_ != answer->permit;
    permit_ = answer->permit;
    if (news || exceeds_somewhere(wanted, *permit_)) tools_.look_at(name_);
    return;
  }
  runtime::log_warning("controller", "no permit for a VM's size", {{"vm", name_}, {"wanted", to_string(wanted)}, {"error", answer.error().message}});
  tools_.look_at(name_);
}

void VmKeeper::order_size(const PassPtr& pass, const Resources& size) {
  const Instant now = tools_.loop.now();
  const wire::Resize order{size, pass->spec.target_revision.value_or(Revision{})};
  if (size_ordered_ == order && size_due_ && *size_due_ > now) return pass->wake(size_due_);
  const auto link = links_.find(pass->status.runner);
  if (link == links_.end() || !link->second.link || !link->second.link->is_connected()) return;
  runtime::log_info("controller", "ordering a size", {{"vm", name_}, {"size", to_string(size)}, {"rev", std::to_string(order.revision.value)}});
  size_ordered_ = order;
  size_open_ = true;
  size_due_ = now + tools_.settings.order_retry;
  link->second.link->request(order, tools_.settings.order_limit, [this, weak = std::weak_ptr(alive_)](const Result<wire::RunnerReply>& reply) {
    if (weak.expired()) return;
    size_open_ = false;
    // Where it was taken, the report that tells of it brings the next pass.
    if (reply && reply->ok) return;
    const std::string why = reply ? reply->why : reply.error().message;
    runtime::log_warning("controller", "a runner did not take a size", {{"vm", name_}, {"why", why}});
    tools_.look_at(name_);
  });
}

}  // namespace neonvm::daemon
