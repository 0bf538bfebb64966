#include "guest/provisions.hpp"

#include "core/runtime/log.hpp"
#include "guest/guest_plan.hpp"
#include "guest/init/workload_plan.hpp"
#include "guest/quota.hpp"
#include "guest/swap.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* log_name = "provisions";

}  // namespace

Provisions::Provisions(runtime::Loop& loop, Streams& streams) : loop_(loop), streams_(streams) {
  if (auto plan = read_guest_plan()) {
    plan_ = std::move(*plan);
  } else if (plan.error().code != Code::not_found) {
    runtime::log_warning(log_name, "no plan of the host", {{"why", plan.error().message}});
  }
  if (const auto workload = read_workload()) owner_ = {workload->uid, workload->gid};
}

const GuestMount* Provisions::find(const std::string& name, MountKind kind) const {
  for (const GuestMount& mount : plan_.mounts) {
    if (mount.name == name && mount.kind == kind) return &mount;
  }
  return nullptr;
}

void Provisions::check_files(const wire::CheckFiles& question, const Answer& answer) const {
  if (find(question.name, MountKind::files) == nullptr) return answer(refusal(question.id, "no files of that name are planned here"));
  const std::string there = generation_in(files_folder(question.name));
  const bool same = question.checksum.empty() ? !there.empty() : there == question.checksum;
  answer(same ? consent_to(question.id) : refusal(question.id, "other files are there"));
}

void Provisions::put_files(const wire::PutFiles& order, const Answer& answer) {
  if (find(order.name, MountKind::files) == nullptr) return answer(refusal(order.id, "no files of that name are planned here"));
  streams_.put_files(order, files_folder(order.name), owner_);
}

void Provisions::set_swap(const wire::SetSwap& order, Answer answer) {
  if (!has_swap()) return answer(refusal(order.id, "this machine has no disk for swap"));
  if (waiting_) waiting_->answer(refusal(waiting_->order.id, "another size was asked for meanwhile"));
  waiting_ = SwapWish{order, std::move(answer)};
  next_swap();
}

void Provisions::next_swap() {
  if (swap_moves_ || !waiting_) return;
  swap_moves_ = true;
  auto wish = std::make_shared<SwapWish>(std::move(*waiting_));
  waiting_.reset();
  runtime::log_info(log_name, "set swap", {{"size", to_string(wish->order.size)}});
  loop_.off_loop([disk = plan_.swap_disk, size = wish->order.size] { return change_swap(disk, size); },
                 [this, weak = std::weak_ptr(alive_), wish](const SwapOutcome& outcome) {
                   if (weak.expired()) return;
                   swap_moves_ = false;
                   const std::string why = outcome.status ? "" : outcome.status.error().message;
                   runtime::log_info(log_name, "swap set", {{"size", to_string(outcome.total)}, {"why", why}});
                   wire::Reply reply = outcome.status ? consent_to(wish->order.id) : refusal(wish->order.id, why);
                   reply.swap = outcome.total;
                   wish->answer(reply);
                   next_swap();
                 });
}

void Provisions::set_disk_quota(const wire::SetQuota& order, const Answer& answer) const {
  const GuestMount* mount = find(order.disk, MountKind::disk);
  if (mount == nullptr) return answer(refusal(order.id, "this machine has no disk \"" + order.disk + "\""));
  const auto device = device_of(mount->disk, Duration::zero());
  const Status set = device ? set_quota(*device, order.limit) : Status(device.error());
  answer(set ? consent_to(order.id) : refusal(order.id, "disk " + order.disk + ": " + set.error().message));
}

}  // namespace neonvm::guest
