#include "core/decide/ledger.hpp"

#include <algorithm>
#include <limits>
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

Resources granted_of(const Resources& wanted, const Resources& base, const Resources& room, const Resources& unit) {
  return {part(wanted.cpu, base.cpu, room.cpu, unit.cpu), part(wanted.memory, base.memory, room.memory, unit.memory)};
}

// size * by / per, up or down, ending at the type's end.
template <typename Value>
Value ratio(Value size, std::uint32_t by, std::uint32_t per, bool up) {
  if (by == per) return size;
  const unsigned __int128 exact = static_cast<unsigned __int128>(size) * by + (up ? per - 1 : 0);
  const unsigned __int128 result = exact / per;
  constexpr Value most = std::numeric_limits<Value>::max();
  return result > most ? most : static_cast<Value>(result);
}

std::uint32_t factor(std::uint32_t overcommit) { return std::max<std::uint32_t>(overcommit, 1000); }

// How much more a VM may be given when a node has `room`.
Resources stretched(const Resources& room, const Overcommit& overcommit) {
  return {MilliCpu{ratio(room.cpu.value, factor(overcommit.cpu), 1000, false)},
          Bytes{ratio(room.memory.value, factor(overcommit.memory), 1000, false)}};
}

Resources scaled(const Resources& r, double share) {
  return {MilliCpu{static_cast<std::uint32_t>(r.cpu.value * share)},
          Bytes{static_cast<std::uint64_t>(static_cast<double>(r.memory.value) * share)}};
}

}  // namespace

Resources applied(const Resources& size, const Overcommit& overcommit) {
  return {MilliCpu{ratio(size.cpu.value, 1000, factor(overcommit.cpu), true)},
          Bytes{ratio(size.memory.value, 1000, factor(overcommit.memory), true)}};
}

Resources taken(const Booking& booking) { return applied(reserved(booking), booking.overcommit) + booking.overhead; }

void Ledger::Sum::add(const Resources& r) {
  cpu += r.cpu.value;
  memory += r.memory.value;
}
void Ledger::Sum::take(const Resources& r) {
  cpu -= r.cpu.value;
  memory -= r.memory.value;
}
Resources Ledger::Sum::value() const {
  const auto most_cpu = std::numeric_limits<std::uint32_t>::max();
  const auto most_memory = std::numeric_limits<std::uint64_t>::max();
  return {MilliCpu{cpu > most_cpu ? most_cpu : static_cast<std::uint32_t>(cpu)},
          Bytes{memory > most_memory ? most_memory : static_cast<std::uint64_t>(memory)}};
}

Ledger::Ledger(LeaseTerms terms, std::uint64_t epoch) : terms_(terms), epoch_(epoch) {
  const bool share_is_sane = terms_.share >= 0 && terms_.share <= 1;
  if (!share_is_sane) terms_.share = 0, ++corrections_.size;
}

// Books that believed a clock that went back would hold leases too short.
Instant Ledger::clock(Instant now) {
  if (now < now_) ++corrections_.clock;
  return now_ = std::max(now_, now);
}

std::uint32_t Ledger::account_id(const std::string& node) {
  const auto [at, is_new] = account_of_.try_emplace(node, static_cast<std::uint32_t>(accounts_.size()));
  if (is_new) {
    Account& books = accounts_.emplace_back();
    books.node = node;
    books.may_have_lent = was_rebuilt_ && terms_.share > 0;
  }
  return at->second;
}

const Ledger::Account* Ledger::find_account(const std::string& node) const {
  const auto at = account_of_.find(node);
  return at == account_of_.end() ? nullptr : &accounts_[at->second];
}

Resources Ledger::leased(const Account& account) const {
  const Resources known = account.leased.value();
  return account.may_have_lent ? field_max(known, most_lent(account)) : known;
}

// What the books had lent before they were lost was free then: never more than is free without it.
Resources Ledger::most_lent(const Account& account) const {
  return field_min(scaled(account.capacity, terms_.share), account.capacity - account.reserved.value());
}

Resources Ledger::kept(const Account& account) const {
  if (account.unconfirmed != 0 && now_ < confirm_by_) return account.capacity - account.reserved.value();
  return leased(account);
}

Resources Ledger::free(const Account& account) const {
  return account.capacity - account.reserved.value() - kept(account);
}

void Ledger::touch(Account& account) {
  if (!std::exchange(account.changed, true)) changed_.push_back(static_cast<std::uint32_t>(&account - accounts_.data()));
}

std::vector<std::string> Ledger::take_changed() {
  std::vector<std::string> names;
  for (const std::uint32_t id : std::exchange(changed_, {})) {
    accounts_[id].changed = false;
    names.push_back(accounts_[id].node);
  }
  return names;
}

void Ledger::node_seen(const Node& node) {
  Node& kept = nodes_[node.name] = node;
  const bool watermark_is_sane = kept.watermark > 0 && kept.watermark <= 1;
  if (!watermark_is_sane) kept.watermark = 1, ++corrections_.size;
  Account& books = account(node.name);
  books.capacity = kept.capacity;
  books.watermark = scaled(kept.capacity, kept.watermark);
  books.pods = kept.pods;
  touch(books);
}

void Ledger::node_gone(const std::string& name) {
  if (nodes_.erase(name) == 0) return;
  Account& books = account(name);
  books.capacity = books.watermark = {};
  touch(books);
}

void Ledger::enter(const Entry& entry) {
  Account& books = account(entry);
  const Resources size = taken(entry);
  books.reserved.add(size);
  if (entry.leaving) books.leaving.add(size);
  if (!entry.confirmed) ++books.unconfirmed;
  ++books.holders;
  touch(books);
}

void Ledger::strike(const Entry& entry) {
  Account& books = account(entry);
  const Resources size = taken(entry);
  books.reserved.take(size);
  if (entry.leaving) books.leaving.take(size);
  if (!entry.confirmed) --books.unconfirmed;
  --books.holders;
  touch(books);
}

void Ledger::note_alone(const std::vector<std::string>& holders) {
  for (const std::string& holder : holders) bookings_.at(holder).alone = holders.size() == 1;
}

void Ledger::put(Booking booking) {
  released(booking.holder);
  Entry& entry = bookings_[booking.holder];
  static_cast<Booking&>(entry) = std::move(booking);
  entry.account = account_id(entry.node);
  enter(entry);
  auto& names = holders_[entry.vm];
  names.insert(std::lower_bound(names.begin(), names.end(), entry.holder), entry.holder);
  note_alone(names);
}

template <typename Change>
void Ledger::change(const std::string& holder, const Change& change) {
  const auto it = bookings_.find(holder);
  if (it != bookings_.end()) this->change(it->second, change);
}

template <typename Change>
void Ledger::change(Entry& entry, const Change& change) {
  strike(entry);
  change(entry);
  if (entry.node != account(entry).node) entry.account = account_id(entry.node);
  enter(entry);
}

void Ledger::rebuilt(std::vector<Booking> world, Instant confirm_by) {
  bookings_.clear();
  holders_.clear();
  was_rebuilt_ = true;
  for (Account& books : accounts_) {
    books = Account{books.node, books.capacity, books.watermark, {}, {}, {}, 0, 0, books.pods, terms_.share > 0, books.changed, {}, {}};
    touch(books);
  }
  for (Booking& b : world) put(std::move(b));
  confirm_by_ = confirm_by;
  next_end_ = confirm_by;
}

void Ledger::holder_seen(const Booking& fact) {
  if (find(fact.holder) == nullptr) return put(fact);
  change(fact.holder, [&](Booking& known) {
    known.actual = fact.actual;
    known.leaving = fact.leaving;
    known.node = fact.node;
    known.overcommit = fact.overcommit;
    known.overhead = fact.overhead;
  });
}

void Ledger::may_have_been_permitted(const std::string& holder, const Resources& size) {
  const auto it = bookings_.find(holder);
  if (it == bookings_.end()) return;
  const Account& books = account(it->second);
  const Resources room = stretched(books.capacity - books.reserved.value() - leased(books), it->second.overcommit);
  change(holder, [&](Booking& known) {
    const Resources base = reserved(known);
    known.granted = field_max(known.granted, {part(size.cpu, base.cpu, room.cpu, {}), part(size.memory, base.memory, room.memory, {})});
  });
}

void Ledger::actual_seen(const std::string& holder, const Resources& actual) {
  change(holder, [&](Booking& known) { known.actual = actual; });
}

void Ledger::actual_seen(const Entry& known, const Resources& actual) {
  change(own(known), [&](Booking& booking) { booking.actual = actual; });
}

void Ledger::leaving_seen(const std::string& holder, bool leaving) {
  change(holder, [&](Booking& known) { known.leaving = leaving; });
}

void Ledger::renamed(const std::string& holder, const std::string& successor) {
  const Booking* known = find(holder);
  if (known == nullptr || holder == successor) return;
  Booking booking = *known;
  released(holder);
  booking.holder = successor;
  booking.asked = {};
  if (const Booking* other = find(successor)) {
    booking.granted = field_max(booking.granted, other->granted);
    booking.actual = field_max(booking.actual, other->actual);
  }
  put(std::move(booking));
}

void Ledger::released(const std::string& holder) {
  const auto it = bookings_.find(holder);
  if (it == bookings_.end()) return;
  strike(it->second);
  const auto names = holders_.find(it->second.vm);
  std::erase(names->second, it->second.holder);
  note_alone(names->second);
  if (names->second.empty()) holders_.erase(names);
  bookings_.erase(it);
}

Status Ledger::reserve(const Booking& wanted) {
  if (const Booking* same = find(wanted.holder)) {
    if (same->node == wanted.node) return {};
    return Error{Code::already_exists, wanted.holder + " is booked on " + same->node};
  }
  if (nodes_.count(wanted.node) == 0) return Error{Code::not_found, "there is no node " + wanted.node};
  if (account(wanted.node).full()) return Error{Code::out_of_capacity, wanted.node + " has as many pods as it takes"};
  const Resources room = free(account(wanted.node));
  const Resources size = taken(wanted);
  if (!fits_in(size, room)) return Error{Code::out_of_capacity, wanted.node + " lacks " + shortage(size, room)};
  put(wanted);
  return {};
}

bool Ledger::waits_for_others(const Account& account, const Booking& booking, Instant now) const {
  return now < confirm_by_ && account.unconfirmed > (booking.confirmed ? 0u : 1u);
}

// A question of an earlier life counts as late only as long as one may still be on its way.
bool Ledger::is_late(const Booking& booking, AskId id, Instant now) const {
  if (id.number == 0 || booking.asked.number == 0) return false;
  if (id.life == booking.asked.life) return id.number <= booking.asked.number;
  return id.life < booking.asked.life && now < booking.asked_at + terms_.longest();
}

Result<Grant> Ledger::ask(const std::string& holder, const Resources& wanted, const Resources& unit,
                          const std::optional<Resources>& last_permit, Instant at, AskId id, bool explains) {
  const auto it = bookings_.find(holder);
  if (it == bookings_.end()) return Error{Code::not_found, "no runner " + holder + " is booked"};
  return ask(it->second, wanted, unit, last_permit, at, id, explains);
}

Grant Ledger::ask(const Entry& known, const Resources& wanted, const Resources& unit,
                  const std::optional<Resources>& last_permit, Instant at, AskId id, bool explains) {
  const Instant now = clock(at);
  time_passed(now);
  Entry& booking = own(known);
  if (is_late(booking, id, now))
    return Grant{field_min(booking.granted, wanted), "a later question has been answered", std::nullopt};

  if (!booking.confirmed) {
    strike(booking);
    // What the books promised before they were lost is still promised: it may be written at any moment.
    if (last_permit) booking.granted = field_max(booking.granted, *last_permit);
    booking.confirmed = true;
    enter(booking);
  }
  if (id.number != 0 && booking.asked.number != 0 && id.life != booking.asked.life)
    booking.earlier_until = booking.asked_at + terms_.longest();
  booking.unit = unit;
  booking.asked = id;
  booking.asked_at = now;

  Grant answer;
  const Resources room = room_for(booking, wanted, now, &answer);
  if (explains && answer.why.empty()) {
    const Resources most = reserved(booking) + room;
    if (exceeds_somewhere(wanted, most)) answer.why = booking.node + " lacks " + shortage(wanted - reserved(booking), room);
  }
  const Resources granted = granted_of(wanted, reserved(booking), room, unit);
  const Resources kept = now < booking.earlier_until ? field_max(granted, booking.granted) : granted;
  if (kept != booking.granted) {
    strike(booking);
    booking.granted = kept;
    enter(booking);
  }
  answer.permit = granted;
  if (answer.permit == wanted) answer.why.clear(), answer.retry.reset();
  return answer;
}

// Within its own reservation a holder moves freely; beyond it only into room that nobody holds.
Resources Ledger::room_for(const Entry& booking, const Resources& wanted, Instant now, Grant* explained) const {
  if (fits_in(wanted, reserved(booking))) return {};
  const Account& books = accounts_[booking.account];
  if (!booking.alone) {
    if (explained != nullptr) explained->why = "the VM is being migrated";
    return {};
  }
  if (waits_for_others(books, booking, now)) {
    if (explained != nullptr) {
      explained->why = "the books were rebuilt: waiting for other VMs to restate their permits";
      explained->retry = confirm_by_;
    }
    return {};
  }
  return stretched(free(books), booking.overcommit);
}

Resources Ledger::would_permit(const Entry& booking, const Resources& wanted, const Resources& unit) const {
  return granted_of(wanted, reserved(booking), room_for(booking, wanted, now_, nullptr), unit);
}

const Ledger::Entry* Ledger::find(const std::string& holder) const {
  const auto it = bookings_.find(holder);
  return it == bookings_.end() ? nullptr : &it->second;
}

std::vector<Booking> Ledger::of_vm(const std::string& vm) const {
  std::vector<Booking> found;
  const auto names = holders_.find(vm);
  if (names == holders_.end()) return found;
  for (const std::string& holder : names->second) found.push_back(bookings_.at(holder));
  return found;
}

NodeTotals Ledger::totals(const std::string& name) const {
  const Account* books = find_account(name);
  if (books == nullptr) return {};
  return {books->capacity, books->reserved.value(), books->leaving.value(), books->watermark, kept(*books), books->full()};
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
