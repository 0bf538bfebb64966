#include <rapidcheck.h>

#include "core/decide/ledger.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

constexpr Resources unit{MilliCpu{250}, Bytes{gib}};
std::string name(std::uint32_t n, const char* prefix) { return prefix + std::to_string(n); }
Resources size(std::uint32_t n) { return {MilliCpu{250 * (n % 13)}, Bytes{gib * (n / 13 % 13)}}; }

// Books of three nodes under random requests and facts. Returns the broken law, or "".
class Books {
 public:
  Books() {
    for (std::uint32_t n = 0; n < 3; ++n) ledger_.node_seen({name(n, "n"), unit * (8 + 8 * n), 0.9, true, {}, 2 + n});
  }

  std::string step(std::uint32_t choice) {
    const std::uint32_t what = choice % 8, rest = choice / 8;
    const std::string holder = name(rest % 12, "r"), node = name(rest / 12 % 3, "n");
    const Resources amount = size(rest / 36);
    before_ = ledger_;
    now_ += std::chrono::milliseconds(rest % 3000);
    if (what < 4) return ask(holder, amount, rest);
    if (what == 4) return reserve({holder, name(rest % 6, "vm"), node, amount, {}, unit, false, true});
    if (what == 5) return actual(holder, amount);
    if (what == 6) ledger_.released(holder);
    else if (rest % 16 == 0) rebuild();
    return requests_only();
  }

 private:
  [[nodiscard]] bool fits(const Ledger& l, const std::string& node) const {
    return fits_in(l.totals(node).reserved, l.totals(node).capacity);
  }

  // Law 1: no request makes a node fuller than it may be.
  std::string requests_only() const {
    for (const auto& [node, facts] : ledger_.nodes()) {
      if (fits(ledger_, node)) continue;
      if (fits(before_, node)) return "1: a request overfilled " + node;
      if (exceeds_somewhere(ledger_.totals(node).reserved, before_.totals(node).reserved) &&
          exceeds_somewhere(ledger_.totals(node).reserved, ledger_.totals(node).capacity) &&
          grew_where_full(node))
        return "1: an overfull node grew";
    }
    return "";
  }
  bool grew_where_full(const std::string& node) const {
    const NodeTotals was = before_.totals(node), is = ledger_.totals(node);
    return (is.reserved.cpu > was.reserved.cpu && is.reserved.cpu > is.capacity.cpu) ||
           (is.reserved.memory > was.reserved.memory && is.reserved.memory > is.capacity.memory);
  }

  std::string ask(const std::string& holder, const Resources& wanted, std::uint32_t rest) {
    const Ledger::Entry* booked = ledger_.find(holder);
    std::optional<Resources> foretold;
    ledger_.time_passed(now_);
    if (booked && booked->confirmed) foretold = ledger_.would_permit(*booked, wanted, unit);
    const auto last = booked && rest % 2 == 0 ? std::optional(booked->granted) : std::nullopt;
    const Resources held = booked ? booked->granted : Resources{};
    const bool twice = booked && ledger_.of_vm(booked->vm).size() > 1;
    const auto grant = ledger_.ask(holder, wanted, unit, last, now_);
    if (grant.ok() != (booked != nullptr)) return "an unknown holder was granted something";
    if (!grant) return requests_only();
    if (foretold && grant->permit != *foretold) return "would_permit() said something else";
    if (exceeds_somewhere(grant->permit, wanted)) return "3: more than asked";
    if (exceeds_somewhere(field_min(held, wanted), grant->permit)) return "3: less than before and less than asked";
    if (fits_in(wanted, held) && grant->permit != wanted) return "2: a request for less was not taken";
    if (twice && exceeds_somewhere(grant->permit, reserved(*before_.find(holder)))) return "6: grew while migrating";
    if (grant->permit != wanted && grant->why.empty()) return "no reason for less";
    return requests_only();
  }

  std::string reserve(const Booking& wanted) {
    const bool full = ledger_.totals(wanted.node).full, known = ledger_.find(wanted.holder) != nullptr;
    const auto done = ledger_.reserve(wanted);
    std::uint32_t there = 0;
    for (const auto& [holder, booking] : ledger_.bookings()) there += booking.node == wanted.node;
    if (ledger_.totals(wanted.node).full != (there >= ledger_.nodes().at(wanted.node).pods)) return "6b: pods are not counted";
    if (done && full && !known) return "6b: one more than may be";
    if (!done && ledger_.bookings().size() != before_.bookings().size()) return "4: a refusal booked something";
    return requests_only();
  }

  std::string actual(const std::string& holder, const Resources& amount) {
    ledger_.actual_seen(holder, amount);
    const Booking* booked = ledger_.find(holder);
    if (booked && exceeds_somewhere(amount, reserved(*booked))) return "what the guest has is not reserved";
    return "";
  }

  void rebuild() {
    std::vector<Booking> world;
    for (const auto& [holder, booking] : ledger_.bookings()) {
      world.push_back(booking);
      world.back().confirmed = false;
    }
    ledger_.rebuilt(world, now_ + std::chrono::seconds(5));
  }

  Ledger ledger_, before_;
  Instant now_{};
};

}  // namespace

TEST_CASE("the books keep their laws under random requests and facts") {
  neonvm::tests::sequences(20000);
  const bool held = rc::check("laws of decide/ledger", [] {
    const auto choices = *rc::gen::scale(2.0, rc::gen::container<std::vector<std::uint32_t>>(
                                                  rc::gen::inRange<std::uint32_t>(0, 1u << 24)));
    Books books;
    for (const std::uint32_t choice : choices) {
      const std::string broken = books.step(choice);
      if (!broken.empty()) RC_FAIL(broken);
    }
  });
  REQUIRE(held);
}
