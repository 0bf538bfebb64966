// Ledger: the scheduler's books: who holds how much on which node, and what may still be promised.
//
// Called by daemon/scheduler and simulate. Pure: facts and requests go in, answers come out; time is an argument.
// Threads: a value. A holder is a runner by its name: the source and the target of a migration are two holders of one
// VM and both count until one of them is gone. Cost: a question about one holder or one node does not depend on how
// many others there are.
//
// A holder's reservation is the larger of what it was granted and what the world says that it still has, field by
// field: what a guest has not given back yet is never sold again. `actual` of a fact is held_by() for a VM that scales
// itself: its agent may have grown it without asking, out of a lease.
//
// Laws:
//  1. Requests never raise the sum of the reservations and leases of a node above its capacity. Facts may (a node that
//     shrank, books rebuilt from a world that is too full): then nothing on it grows until it fits again.
//  2. A request for less is always taken.
//  3. What is granted lies between what was granted before and what was asked, in steps of the compute unit where it is
//     less than asked.
//  4. A refusal changes nothing. A question that comes late or twice (`AskId`) changes nothing.
//  5. After a rebuild nothing grows on a node, and nothing new comes to it, before every holder on it has restated its
//     permit, or `confirm_by`: what was promised may be written at any moment.
//  6. A VM with two holders does not grow.
//  6a. What a holder was granted is kept when a new life of its asker wants less, for as long as the earlier life's last words
//      may be on their way: a wish that it wrote may land after the new life has read the old one.
//  6b. A request brings no new holder to a node that has as many as there may be pods. Facts may.
//  7. A lease counts as reserved from its granting until the agent no longer lists it or LeaseTerms::longest() is over.
//     After a rebuild the most that may be out counts as lent, until the node's agent has told what it has (and is old
//     enough to know) or the longest lease is over.
//
// Overcommit: unlike upstream nobody is promised more than there is unless a VM says so itself: `Booking::overcommit`
// divides what it counts for. CPU and memory that a finished runner no longer uses count for nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/decide/corrections.hpp"
#include "core/decide/headroom.hpp"
#include "core/model/instant.hpp"
#include "core/model/node.hpp"
#include "core/model/overcommit.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/model/vm.hpp"

namespace neonvm::decide {

struct Booking {
  std::string holder;            // runner
  std::string vm;                // uid
  std::string node;
  Resources granted;
  Resources actual;
  Resources unit;                // granularity of partial grants, 0: none
  bool leaving = false;          // source of a migration
  bool confirmed = true;         // false after a rebuild until it has restated its permit
  Overcommit overcommit{};
  Resources overhead{};          // of the VM's own processes: counts beside the VM, is never granted nor overcommitted
  AskId asked{};                 // the last question
  Instant asked_at{};
  Instant earlier_until{};       // an earlier life of its asker may write what it was granted, up to then
};

inline Resources reserved(const Booking& booking) { return field_max(booking.granted, booking.actual); }
// What a reservation of `size` takes from a node.
Resources applied(const Resources& size, const Overcommit& overcommit);
// What a booking takes from its node, all in all.
Resources taken(const Booking& booking);

struct NodeTotals {
  Resources capacity, reserved, leaving, watermark;
  Resources leased{};            // besides `reserved`: lent, or kept until lost promises have been restated
  bool full = false;             // as many pods are there as may be: nothing new comes, however much is free
  [[nodiscard]] Resources free() const { return capacity - reserved - leased; }
  // By how much what stays is above the watermark. What is only lent drives nobody away.
  [[nodiscard]] Resources excess() const { return (reserved - leaving) - watermark; }
};

struct Grant {
  Resources permit;
  std::string why;               // why less than asked; empty: all of it
  std::optional<Instant> retry;  // when waiting alone may change that
};

class Ledger {
 public:
  // A booking, and where in the books it is found.
  struct Entry : Booking {
    std::uint32_t account = 0;
    bool alone = true;           // the only holder of its VM
  };

  // epoch: of these books, another one after each start of the scheduler, not 0.
  explicit Ledger(LeaseTerms terms = {}, std::uint64_t epoch = 1);

  // Facts.
  void node_seen(const Node& node);
  void node_gone(const std::string& name);               // its holders stay booked, nothing is placed there
  // Books from the world; whatever was known of holders and leases is forgotten.
  void rebuilt(std::vector<Booking> world, Instant confirm_by);
  // After a rebuild: the holder may have been permitted so much without being able to say so; as far as there is room.
  void may_have_been_permitted(const std::string& holder, const Resources& size);
  // A holder that the world shows and the books do not: booked without asking. One that is known: `actual`, `leaving`,
  // `node` are taken over, what was granted stays.
  void holder_seen(const Booking& fact);
  void actual_seen(const std::string& holder, const Resources& actual);
  void actual_seen(const Entry& known, const Resources& actual);   // known: as find() gave it
  void leaving_seen(const std::string& holder, bool leaving);
  void renamed(const std::string& holder, const std::string& successor);
  void released(const std::string& holder);              // gone: idempotent
  // Leases whose time is over are free, and so is what was kept until `confirm_by`. When to be called again. To be
  // called before totals are looked at; the requests below do it themselves.
  std::optional<Instant> time_passed(Instant now);

  // Requests.
  // Books `size` for a new holder. Same holder and node again: ok and unchanged. out_of_capacity names the shortage.
  Status reserve(const Booking& wanted);
  // May the holder have so much in total? not_found: no such holder. explains: false leaves `why` empty where it would
  // name a shortage, for who asks a hundred million times and shows it to nobody.
  Result<Grant> ask(const std::string& holder, const Resources& wanted, const Resources& unit,
                    const std::optional<Resources>& last_permit, Instant now, AskId id = {}, bool explains = true);
  // The same for a booking that find() gave.
  Grant ask(const Entry& known, const Resources& wanted, const Resources& unit, const std::optional<Resources>& last_permit,
            Instant now, AskId id = {}, bool explains = true);
  // The account of a node's agent, and a lease for it: see headroom.hpp. conflict: not its newest request.
  Result<HeadroomAnswer> headroom_asked(const HeadroomRequest& request, Instant now);

  // What ask() would permit the holder of `booking`, which is confirmed, at the time last told (time_passed); asks nothing
  // and changes nothing. For who would otherwise ask the same question again and again: as long as this is what it has,
  // the answer is the last one.
  [[nodiscard]] Resources would_permit(const Entry& booking, const Resources& wanted, const Resources& unit) const;

  // Good until the holder is released or renamed, or the books are rebuilt.
  [[nodiscard]] const Entry* find(const std::string& holder) const;
  [[nodiscard]] std::vector<Booking> of_vm(const std::string& vm) const;
  [[nodiscard]] const std::unordered_map<std::string, Entry>& bookings() const { return bookings_; }
  [[nodiscard]] const std::map<std::string, Node>& nodes() const { return nodes_; }
  [[nodiscard]] NodeTotals totals(const std::string& node) const;
  // What the holder may have at most by now, with what its agent may have spent on it: a migration's target needs that.
  [[nodiscard]] Resources at_most(const std::string& holder) const;
  // Nodes whose totals may have changed since the last call, each once.
  std::vector<std::string> take_changed();
  [[nodiscard]] const Corrections& corrections() const { return corrections_; }

 private:
  // Sums that neither wrap nor saturate, so that what was added can be taken away again.
  struct Sum {
    std::uint64_t cpu = 0;
    unsigned __int128 memory = 0;
    void add(const Resources& r);
    void take(const Resources& r);
    [[nodiscard]] Resources value() const;
  };
  struct Lease {
    std::uint64_t agent = 0, number = 0;
    Resources open;
    Resources unclaimed;         // spent for holders that are not booked here
    Instant ends{};
    std::map<std::string, Resources> spent;
  };
  struct AgentSeen {
    std::uint64_t first = 0, number = 0;       // the first and the last request that these books answered
    HeadroomAnswer answer;
    Instant at{};
  };
  struct Account {               // of one node
    std::string node;
    Resources capacity, watermark;
    Sum reserved, leaving, leased;
    std::uint32_t unconfirmed = 0;
    std::uint32_t holders = 0, pods = 0;       // and how many may be; 0: any number
    bool may_have_lent = false;  // before the books were lost
    bool changed = false;
    std::vector<Lease> leases;
    std::map<std::uint64_t, AgentSeen> agents;
    [[nodiscard]] bool full() const { return pods != 0 && holders >= pods; }
  };

  Instant clock(Instant now);
  std::uint32_t account_id(const std::string& node);
  Account& account(const std::string& node) { return accounts_[account_id(node)]; }
  Account& account(const Entry& entry) { return accounts_[entry.account]; }
  [[nodiscard]] const Account* find_account(const std::string& node) const;
  [[nodiscard]] Resources leased(const Account& account) const;
  [[nodiscard]] Resources kept(const Account& account) const;
  [[nodiscard]] Resources free(const Account& account) const;
  void touch(Account& account);
  void enter(const Entry& entry);
  void strike(const Entry& entry);
  void put(Booking booking);
  template <typename Change>
  void change(const std::string& holder, const Change& change);
  template <typename Change>
  void change(Entry& entry, const Change& change);
  // What find() gave away as const is ours.
  static Entry& own(const Entry& known) { return const_cast<Entry&>(known); }
  [[nodiscard]] bool is_late(const Booking& booking, AskId id, Instant now) const;
  [[nodiscard]] Resources room_for(const Entry& booking, const Resources& wanted, Instant now, Grant* explained) const;
  [[nodiscard]] bool waits_for_others(const Account& account, const Booking& booking, Instant now) const;
  void note_alone(const std::vector<std::string>& holders);

  Lease* held(Account& account, const HeadroomRequest& request, const HeldLease& listed, Instant now);
  void settle(Account& account, Lease& lease, const std::vector<HeadroomSpend>& spent);
  void lend(Account& account, const HeadroomRequest& request, HeadroomAnswer& answer, Instant now);
  void recount_leases(Account& account);
  [[nodiscard]] Resources most_lent(const Account& account) const;

  LeaseTerms terms_;
  std::uint64_t epoch_ = 1;
  Instant now_{};
  std::map<std::string, Node> nodes_;
  std::unordered_map<std::string, Entry> bookings_;
  std::unordered_map<std::string, std::vector<std::string>> holders_;   // of a VM, sorted
  std::vector<Account> accounts_;
  std::unordered_map<std::string, std::uint32_t> account_of_;           // a node, by its name
  std::vector<std::uint32_t> changed_;
  Instant confirm_by_{};
  bool was_rebuilt_ = false;
  std::optional<Instant> next_end_;                      // of a lease, or of what may have been lent
  Corrections corrections_;
};

// What a VM holds by its objects: the larger of what is asked and what it has. A guest has whole CPUs, so one CPU online
// is 250m if 250m are asked.
Resources held_by(const VmSpec& spec, const VmStatus& status);

// "2 CPU, 3Gi": by how much `wanted` is above `free`; empty if it fits.
std::string shortage(const Resources& wanted, const Resources& free);

}  // namespace neonvm::decide
