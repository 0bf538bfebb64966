// The lending half of Ledger: see headroom.hpp for what both sides rely on.
#include <algorithm>
#include <utility>

#include "core/decide/ledger.hpp"

namespace neonvm::decide {
namespace {

constexpr std::size_t most_lives = 8;        // of one node's agent that are remembered

bool is_nothing(const Resources& r) { return r == Resources{}; }

Resources share_of(const Resources& r, double share) {
  return {MilliCpu{static_cast<std::uint32_t>(r.cpu.value * share)},
          Bytes{static_cast<std::uint64_t>(static_cast<double>(r.memory.value) * share)}};
}

}  // namespace

std::optional<Instant> Ledger::time_passed(Instant at) {
  const Instant now = clock(at);
  if (!next_end_ || *next_end_ > now) return next_end_;
  next_end_.reset();
  const auto note = [this](Instant end) { next_end_ = next_end_ ? std::min(*next_end_, end) : end; };
  const Instant lent_until = confirm_by_ + terms_.longest();
  if (now < confirm_by_) note(confirm_by_);
  for (Account& books : accounts_) {
    const std::size_t gone = std::erase_if(books.leases, [&](const Lease& lease) { return lease.ends <= now; });
    const bool over = books.may_have_lent && lent_until <= now;
    if (over) books.may_have_lent = false;
    if (books.may_have_lent) note(lent_until);
    for (const Lease& lease : books.leases) note(lease.ends);
    if (gone == 0 && !over && books.unconfirmed == 0) continue;
    recount_leases(books);
    touch(books);
  }
  if (was_rebuilt_ && lent_until <= now) was_rebuilt_ = false;
  return next_end_;
}

void Ledger::recount_leases(Account& account) {
  account.leased = {};
  for (const Lease& lease : account.leases) {
    account.leased.add(lease.open);
    account.leased.add(lease.unclaimed);
  }
}

// The lease as the agent tells it. One that the books do not know was lent before they were lost, and is a fact, as long
// as any such lease may be out. Null: it has ended; the permits out of it ended before, and what came of them was seen.
Ledger::Lease* Ledger::held(Account& account, const HeadroomRequest& request, const HeldLease& listed, Instant now) {
  const auto known = std::find_if(account.leases.begin(), account.leases.end(), [&](const Lease& lease) {
    return lease.agent == request.agent && lease.number == listed.number;
  });
  if (known != account.leases.end()) return &*known;
  if (!account.may_have_lent || listed.number >= account.agents[request.agent].first) return nullptr;
  const Duration left = std::min(std::max(listed.left, Duration::zero()), terms_.length);
  const Instant ends = now + left + (terms_.longest() - terms_.length);
  Resources all = listed.open;
  for (const HeadroomSpend& spend : listed.spent) all = all + spend.amount;
  account.leases.push_back({request.agent, listed.number, all, {}, ends, {}});
  next_end_ = next_end_ ? std::min(*next_end_, ends) : ends;
  return &account.leases.back();
}

void Ledger::settle(Account& account, Lease& lease, const std::vector<HeadroomSpend>& spent) {
  for (const HeadroomSpend& spend : spent) {
    Resources& known = lease.spent[spend.holder];
    const Resources told = spend.amount - known;
    const Resources more = field_min(told, lease.open);
    if (told != more) ++corrections_.size;
    if (is_nothing(told)) continue;
    known = field_max(known, spend.amount);
    lease.open = lease.open - more;
    const auto at = bookings_.find(spend.holder);
    if (at == bookings_.end() || at->second.node != account.node) {
      lease.unclaimed = lease.unclaimed + more;
      continue;
    }
    Entry& booking = at->second;
    strike(booking);
    booking.granted = field_max(booking.granted, spend.to);
    // A question from before the spending, if it is still on its way, must not take it back.
    const bool newer = spend.asked.life > booking.asked.life ||
                       (spend.asked.life == booking.asked.life && spend.asked.number > booking.asked.number);
    if (newer) booking.asked = spend.asked, booking.asked_at = now_;
    enter(booking);
  }
  recount_leases(account);
}

void Ledger::lend(Account& account, const HeadroomRequest& request, HeadroomAnswer& answer, Instant now) {
  if (now < confirm_by_ && account.unconfirmed != 0) {
    answer.why = "the books were rebuilt: waiting for VMs to restate their permits";
    return;
  }
  if (account.may_have_lent) {
    answer.why = "the books were rebuilt: leases of before may be out";
    return;
  }
  if (exceeds_somewhere(account.reserved.value() + account.leased.value(), account.capacity)) {
    answer.why = request.node + " is too full";
    return;
  }
  const Instant ends = now + terms_.longest();
  answer.extended = true;
  Resources open;
  for (Lease& lease : account.leases) {
    if (lease.agent != request.agent) continue;
    open = open + lease.open;
    if (!is_nothing(lease.open)) lease.ends = std::max(lease.ends, ends);
  }
  const Resources limit = share_of(account.capacity, terms_.share) - account.leased.value();
  answer.lent = field_min(request.wanted - open, field_min(limit, free(account)));
  if (exceeds_somewhere(request.wanted, open + answer.lent))
    answer.why = request.node + " lends " + to_string(share_of(account.capacity, terms_.share)) + " at most and has " +
                 to_string(free(account)) + " free";
  if (is_nothing(answer.lent)) return;
  account.leases.push_back({request.agent, request.number, answer.lent, {}, ends, {}});
  next_end_ = next_end_ ? std::min(*next_end_, ends) : ends;
  recount_leases(account);
}

Result<HeadroomAnswer> Ledger::headroom_asked(const HeadroomRequest& request, Instant at) {
  if (nodes_.count(request.node) == 0) return Error{Code::not_found, "there is no node " + request.node};
  if (request.agent == 0 || request.number == 0)
    return Error{Code::invalid_argument, "agent and number of a headroom request begin at 1"};
  const Instant now = clock(at);
  time_passed(now);
  Account& books = account(request.node);
  AgentSeen& seen = books.agents[request.agent];
  if (seen.first == 0) seen.first = request.number;
  if (request.number == seen.number) return seen.answer;
  if (request.number < seen.number)
    return Error{Code::conflict, "request " + std::to_string(seen.number) + " of this agent was answered already"};

  const auto listed = [&](const Lease& lease) {
    return std::any_of(request.held.begin(), request.held.end(), [&](const HeldLease& h) { return h.number == lease.number; });
  };
  for (Lease& lease : books.leases)
    if (lease.agent == request.agent && !listed(lease)) lease.open = {};
  std::erase_if(books.leases, [&](const Lease& lease) {
    return lease.agent == request.agent && !listed(lease) && is_nothing(lease.unclaimed);
  });
  for (const HeldLease& told : request.held) {
    Lease* lease = held(books, request, told, now);
    if (lease == nullptr) continue;
    settle(books, *lease, told.spent);
    lease->open = field_min(lease->open, told.open);
  }
  // An agent that heard from these books, and is older than any lease of its predecessor, tells all that is out.
  if (request.epoch == epoch_ && request.age >= terms_.longest()) books.may_have_lent = false;
  recount_leases(books);

  HeadroomAnswer answer{request.agent, request.number, epoch_, {}, false, terms_.length, ""};
  lend(books, request, answer, now);
  seen = {seen.first, request.number, answer, now};
  while (books.agents.size() > most_lives) {
    const auto oldest = std::min_element(books.agents.begin(), books.agents.end(), [](const auto& a, const auto& b) {
      return a.second.at < b.second.at;
    });
    books.agents.erase(oldest);
  }
  touch(books);
  return answer;
}

Resources Ledger::at_most(const std::string& holder) const {
  const Booking* booking = find(holder);
  if (booking == nullptr) return {};
  const Account* books = find_account(booking->node);
  return reserved(*booking) + (books == nullptr ? Resources{} : leased(*books));
}

}  // namespace neonvm::decide
