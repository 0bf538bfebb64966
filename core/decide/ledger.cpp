#include "core/decide/ledger.hpp"

#include <algorithm>
#include <utility>

namespace neonvm::decide {
namespace {

// So much of `wanted` as there is room for beyond `base`, in whole units. `base` needs no room: it is reserved already.
template <typename Amount>
Amount part(Amount wanted, Amount base, Amount room, Amount unit) {
  if (wanted <= base) return wanted;
  const Amount more = wanted - base;
  if (more <= room) return wanted;
  const auto step = std::max<decltype(unit.value)>(unit.value, 1);
  return base + Amount{static_cast<decltype(unit.value)>(room.value / step * step)};
}

Resources scaled(const Resources& r, double share) {
  return {MilliCpu{static_cast<std::uint32_t>(r.cpu.value * share)},
          Bytes{static_cast<std::uint64_t>(static_cast<double>(r.memory.value) * share)}};
}

}  // namespace

Resources reserved(const Booking& booking) { return field_max(booking.granted, booking.actual); }

void Ledger::node_seen(const Node& node) { nodes_[node.name] = node; }
void Ledger::node_gone(const std::string& name) { nodes_.erase(name); }

void Ledger::rebuilt(std::vector<Booking> world, Instant confirm_by) {
  bookings_.clear();
  for (Booking& b : world) bookings_[b.holder] = std::move(b);
  confirm_by_ = confirm_by;
}

void Ledger::holder_seen(const Booking& fact) {
  const auto known = bookings_.find(fact.holder);
  if (known == bookings_.end()) {
    bookings_[fact.holder] = fact;
    return;
  }
  known->second.actual = fact.actual;
  known->second.leaving = fact.leaving;
  known->second.node = fact.node;
}

void Ledger::actual_seen(const std::string& holder, const Resources& actual) {
  if (const auto it = bookings_.find(holder); it != bookings_.end()) it->second.actual = actual;
}

void Ledger::leaving_seen(const std::string& holder, bool leaving) {
  if (const auto it = bookings_.find(holder); it != bookings_.end()) it->second.leaving = leaving;
}

void Ledger::renamed(const std::string& holder, const std::string& successor) {
  const auto it = bookings_.find(holder);
  if (it == bookings_.end() || holder == successor) return;
  Booking booking = it->second;
  bookings_.erase(it);
  booking.holder = successor;
  if (const auto other = bookings_.find(successor); other != bookings_.end()) {
    booking.granted = field_max(booking.granted, other->second.granted);
    booking.actual = field_max(booking.actual, other->second.actual);
  }
  bookings_[successor] = std::move(booking);
}

void Ledger::released(const std::string& holder) { bookings_.erase(holder); }

Status Ledger::reserve(const Booking& wanted) {
  if (const Booking* same = find(wanted.holder)) {
    if (same->node == wanted.node) return {};
    return Error{Code::already_exists, wanted.holder + " is booked on " + same->node};
  }
  const auto node = nodes_.find(wanted.node);
  if (node == nodes_.end()) return Error{Code::not_found, "there is no node " + wanted.node};
  const NodeTotals t = totals(wanted.node);
  const Resources size = reserved(wanted);
  if (!fits_in(size, t.free())) return Error{Code::out_of_capacity, wanted.node + " lacks " + shortage(size, t.free())};
  bookings_[wanted.holder] = wanted;
  return {};
}

bool Ledger::waits_for_others(const Booking& booking, Instant now) const {
  if (now >= confirm_by_) return false;
  return std::any_of(bookings_.begin(), bookings_.end(), [&](const auto& entry) {
    return entry.second.node == booking.node && !entry.second.confirmed && entry.first != booking.holder;
  });
}

Result<Grant> Ledger::ask(const std::string& holder, const Resources& wanted, const Resources& unit,
                          const std::optional<Resources>& last_permit, Instant now) {
  const auto it = bookings_.find(holder);
  if (it == bookings_.end()) return Error{Code::not_found, "no runner " + holder + " is booked"};
  Booking& booking = it->second;
  // What the books promised before they were lost is still promised: it may be written at any moment.
  if (!booking.confirmed && last_permit) booking.granted = field_max(booking.granted, *last_permit);
  booking.confirmed = true;
  booking.unit = unit;

  Grant answer;
  const NodeTotals t = totals(booking.node);
  // Within its own reservation a holder moves freely; beyond it only into room that nobody holds.
  const Resources base = reserved(booking);
  Resources room = t.free();
  if (of_vm(booking.vm).size() > 1) {
    answer.why = "the VM is being migrated";
    room = {};
  } else if (waits_for_others(booking, now)) {
    answer.why = "the books were rebuilt: waiting for other VMs to restate their permits";
    answer.retry = confirm_by_;
    room = {};
  } else if (exceeds_somewhere(wanted, base + room)) {
    answer.why = booking.node + " lacks " + shortage(wanted - base, room);
  }
  booking.granted = {part(wanted.cpu, base.cpu, room.cpu, unit.cpu),
                     part(wanted.memory, base.memory, room.memory, unit.memory)};
  answer.permit = booking.granted;
  if (answer.permit == wanted) answer.why.clear(), answer.retry.reset();
  return answer;
}

const Booking* Ledger::find(const std::string& holder) const {
  const auto it = bookings_.find(holder);
  return it == bookings_.end() ? nullptr : &it->second;
}

std::vector<Booking> Ledger::of_vm(const std::string& vm) const {
  std::vector<Booking> found;
  for (const auto& [holder, booking] : bookings_)
    if (booking.vm == vm) found.push_back(booking);
  return found;
}

NodeTotals Ledger::totals(const std::string& name) const {
  NodeTotals t;
  if (const auto node = nodes_.find(name); node != nodes_.end()) {
    t.capacity = node->second.capacity;
    t.watermark = scaled(t.capacity, node->second.watermark);
  }
  for (const auto& [holder, booking] : bookings_) {
    if (booking.node != name) continue;
    t.reserved = t.reserved + reserved(booking);
    if (booking.leaving) t.leaving = t.leaving + reserved(booking);
  }
  return t;
}

Resources held_by(const VmSpec& spec, const VmStatus& status) {
  Resources actual{status.cpu.actual, status.memory.actual};
  const Resources asked = spec.use();
  if (actual.cpu.whole_cpus() == asked.cpu.whole_cpus()) actual.cpu = asked.cpu;
  return field_max(asked, actual);
}

std::string shortage(const Resources& wanted, const Resources& free) {
  const Resources less = wanted - free;
  std::string text;
  if (less.cpu.value != 0) text = to_string(less.cpu) + " CPU";
  if (less.memory.value != 0) text += (text.empty() ? "" : ", ") + to_string(less.memory);
  return text;
}

}  // namespace neonvm::decide
