// The runner's word with the guest about swap and quotas of disks.
#include "core/daemon/runner.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

namespace {

// Moving gigabytes back to memory takes its time; the guest goes on whoever waits.
constexpr Duration swap_limit = std::chrono::minutes(10);

}  // namespace

void Runner::want_swap(const wire::Swap& order, const Answer& answer) {
  wire::RunnerReply reply;
  if (!report_.swap) {
    reply.code = Code::failed_precondition;
    reply.why = "this machine was started without a disk for swap, and gets one at its next start (neonvm stop, then start)";
    return answer(reply);
  }
  if (order.size > most_swap) {
    reply.code = Code::invalid_argument;
    reply.why = to_string(order.size) + " of swap is above " + to_string(most_swap);
    return answer(reply);
  }
  reply.ok = true;
  answer(reply);
  report_.swap->asked = order.size;
  report_.swap->settled = false;
  report_.swap->why.clear();
  changed();
  order_swap();
}

void Runner::order_swap() {
  if (!report_.swap || report_.swap->settled || !report_.guest_connected) return;
  if (swap_open_) {
    swap_again_ = true;
    return;
  }
  swap_open_ = true;
  runtime::log_info("runner", "swap", {{"vm", report_.vm}, {"to", to_string(report_.swap->asked)}});
  guest_->request(wire::SetSwap{0, report_.swap->asked}, swap_limit, [this](const Result<wire::Reply>& reply) {
    swap_open_ = false;
    if (ended_) return;
    if (std::exchange(swap_again_, false)) return order_swap();
    if (reply && reply->swap) report_.swap->actual = *reply->swap;
    // A new session of the guest asks again.
    if (!reply && !report_.guest_connected) return;
    report_.swap->settled = true;
    report_.swap->why = reply ? reply->why : reply.error().message;
    changed();
  });
}

void Runner::note_swap(const GuestSample& sample) {
  if (!report_.swap || !is_known(sample.swap_total) || !is_known(sample.swap_free)) return;
  // The page of each area's header is not counted by the kernel.
  const Bytes total = round_up(sample.swap_total, mib);
  report_.swap_used = sample.swap_total - sample.swap_free;
  if (!report_.swap->settled) order_swap();
  if (swap_open_ || total == report_.swap->actual) return;
  report_.swap->actual = total;
  changed();
}

void Runner::limit_disk(const wire::Quota& order, Answer answer) {
  guest_->request(wire::SetQuota{0, order.disk, order.limit}, settings_.guest_limit,
                  [answer = std::move(answer)](const Result<wire::Reply>& reply) {
                    wire::RunnerReply said;
                    said.ok = reply && reply->ok;
                    said.no_guest = !reply;
                    said.code = reply ? Code::refused : reply.error().code;
                    said.why = reply ? reply->why : reply.error().message;
                    answer(said);
                  });
}

}  // namespace neonvm::daemon
