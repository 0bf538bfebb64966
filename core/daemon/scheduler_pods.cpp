// What a kube-scheduler's pods book.
#include "core/daemon/scheduler.hpp"
#include "core/model/pod_layout.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {
namespace {

std::string qualified_name(const wire::Pod& pod) { return pod.ns + "/" + pod.name; }

}  // namespace

Result<decide::Booking> Scheduler::booking_for(const wire::Pod& pod) const {
  if (pod.runner_spec.empty()) {
    decide::Booking booking;
    booking.holder = qualified_name(pod);
    booking.vm = no_vm + pod.uid;
    booking.granted = pod.requests;
    return booking;
  }
  const auto spec = wire::decode_runner_spec(pod.runner_spec);
  if (!spec) return spec.error().at(std::string("annotation ") + pod::runner_spec_annotation);
  const auto needs = SchedulerView::needs_of(*spec);
  if (!needs) return needs.error().at(std::string("annotation ") + pod::runner_spec_annotation);
  return booking_for(qualified_name(pod), *needs);
}

Result<decide::Booking> Scheduler::booking_for(const SeenRunner& runner) const {
  if (!runner.readable) return Error{Code::invalid_argument, "pod " + runner.name + ": its machine cannot be read; our log says why"};
  return booking_for(runner.name, runner.needs);
}

decide::Booking Scheduler::booking_for(const std::string& holder, const RunnerNeeds& runner) const {
  decide::Booking booking;
  booking.holder = holder;
  booking.vm = runner.vm_uid;
  const SeenVm* vm = view_.vm(runner.vm_uid);
  booking.granted = vm != nullptr ? vm->use : runner.first;
  if (vm != nullptr) booking.overcommit = vm->overcommit;
  booking.overhead = view_.overhead(runner);
  if (runner.role != RunnerRole::target) return booking;
  // A target needs what its source holds.
  for (const decide::Booking& source : ledger_.of_vm(runner.vm_uid))
    if (source.holder != booking.holder) booking.granted = field_max(booking.granted, reserved(source));
  return booking;
}

bool Scheduler::ignores(const decide::Booking& booking) const {
  return booking.vm.starts_with(no_vm) && settings_.ignored_namespaces.count(booking.holder.substr(0, booking.holder.find('/'))) != 0;
}

Status Scheduler::book(const decide::Booking& booking) {
  if (!ready_) return Error{Code::unavailable, not_ready_};
  if (ignores(booking)) return {};
  (void)ledger_.time_passed(loop_.now());
  const decide::Booking* before = ledger_.find(booking.holder);
  if (before != nullptr && before->vm != booking.vm)
    return Error{Code::unavailable, "an earlier pod of the name " + booking.holder + " is still in the books"};
  if (auto booked = ledger_.reserve(booking); !booked) {
    // Somebody was quicker; who asked had been told that there is room.
    if (booked.error().code == Code::out_of_capacity) refused(booking, {booking.node});
    return booked;
  }
  news_.booked(booking.holder, loop_.now());
  const SeenRunner* seen = view_.runner(booking.holder);
  const bool is_there = view_.has_neighbour(booking.holder) || (seen != nullptr && !seen->node.empty());
  if (!is_there) unseen_until_[booking.holder] = loop_.now() + settings_.start_within;
  something_changed();
  return {};
}

}  // namespace neonvm::daemon
