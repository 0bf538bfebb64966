#include "core/decide/headroom.hpp"

#include "core/decide/ledger.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;
using namespace std::chrono_literals;

namespace {

constexpr Resources unit{MilliCpu{1000}, Bytes{gib}};
constexpr Instant start{std::chrono::hours(1)};
const LeaseTerms terms{0.5, 60s, 30s, 0.01};

Resources u(std::uint32_t n) { return unit * n; }
Booking booking(const std::string& holder, std::uint32_t n) {
  return {holder, "vm-" + holder, "n", u(n), u(n), unit, false, true, {}, {}, {}};
}

Ledger books(std::uint32_t a = 2, std::uint32_t b = 2) {
  Ledger ledger(terms, 7);
  ledger.node_seen({"n", u(10), 0.9, true, {}});
  ledger.holder_seen(booking("a", a));
  ledger.holder_seen(booking("b", b));
  return ledger;
}

void talk(Headroom& agent, Ledger& ledger, std::uint32_t wanted, Instant now) {
  agent.answered(ledger.headroom_asked(agent.request(u(wanted), now), now).value(), now);
}

}  // namespace

TEST_CASE("within a lease the agent grows its VMs without asking, and the books keep the room") {
  Ledger ledger = books();
  Headroom agent("n", 1, start);
  talk(agent, ledger, 3, start);
  CHECK(agent.open(start) == u(3));
  CHECK(ledger.totals("n").leased == u(3));
  CHECK(ledger.totals("n").free() == u(3));

  CHECK(agent.grow("a", u(2), u(4), unit, start + 1s) == u(4));
  CHECK(agent.open(start + 1s) == u(1));
  CHECK(agent.grow("b", u(2), u(6), unit, start + 2s) == u(3));
  CHECK(ledger.ask("b", u(9), unit, u(2), start + 2s)->permit == u(5));

  talk(agent, ledger, 0, start + 3s);
  CHECK(ledger.find("a")->granted == u(4));
  CHECK(ledger.totals("n").leased == Resources{});
}

TEST_CASE("a lease ends first at the agent, then in the books") {
  Ledger ledger = books();
  Headroom agent("n", 1, start);
  talk(agent, ledger, 3, start);
  CHECK(agent.open(start + 59s) == u(3));
  CHECK(agent.open(start + 60s) == Resources{});
  CHECK(agent.grow("a", u(2), u(4), unit, start + 60s) == u(2));
  ledger.time_passed(start + 90s);
  CHECK(ledger.totals("n").leased == u(3));
  CHECK(ledger.time_passed(start + terms.longest()) == std::nullopt);
  CHECK(ledger.totals("n").leased == Resources{});
}

TEST_CASE("asking again extends what is held and tells what was spent") {
  Ledger ledger = books();
  Headroom agent("n", 1, start);
  talk(agent, ledger, 3, start);
  CHECK(agent.ask_at(start) == start + 30s);
  CHECK(agent.grow("a", u(2), u(3), unit, start + 1s) == u(3));
  CHECK(agent.ask_at(start + 1s) == start + 1s);
  talk(agent, ledger, 3, start + 40s);
  CHECK(agent.open(start + 99s) == u(3));
  CHECK(ledger.find("a")->granted == u(3));
  CHECK(ledger.totals("n").leased == u(3));
}

TEST_CASE("only so much of a node is lent, and only what is free") {
  Ledger ledger = books();
  Headroom agent("n", 1, start);
  talk(agent, ledger, 9, start);
  CHECK(agent.open(start) == u(5));
  Ledger full = books(5, 4);
  Headroom other("n", 1, start);
  const auto answer = full.headroom_asked(other.request(u(3), start), start).value();
  CHECK(answer.lent == u(1));
  CHECK(answer.why == "n lends 5 CPU, 5Gi at most and has 1 CPU, 1Gi free");
}

TEST_CASE("answers to a request that was given up bring nothing") {
  Ledger ledger = books();
  Headroom agent("n", 1, start);
  const auto late = ledger.headroom_asked(agent.request(u(3), start), start).value();
  const auto second = agent.request(u(2), start + 1s);
  agent.answered(late, start + 2s);
  CHECK(agent.open(start + 2s) == Resources{});
  agent.answered(ledger.headroom_asked(second, start + 2s).value(), start + 3s);
  CHECK(agent.open(start + 3s) == u(2));
  CHECK(ledger.totals("n").leased == u(2));
  CHECK(ledger.headroom_asked(second, start + 4s)->lent == u(2));
  CHECK(ledger.totals("n").leased == u(2));
}

TEST_CASE("books that were lost keep room for leases that may be out") {
  Ledger ledger = books();
  Headroom agent("n", 1, start - 10min);
  talk(agent, ledger, 3, start);
  CHECK(agent.grow("a", u(2), u(3), unit, start + 1s) == u(3));

  Ledger again(terms, 8);
  again.node_seen({"n", u(10), 0.9, true, {}});
  again.rebuilt({booking("a", 2), booking("b", 2)}, start + 2s);
  CHECK(again.totals("n").leased == u(5));
  CHECK(again.ask("b", u(9), unit, u(2), start + 3s)->permit == u(3));
  CHECK(again.ask("b", u(2), unit, u(3), start + 3s)->permit == u(2));
  talk(agent, again, 3, start + 4s);
  CHECK(again.find("a")->granted == u(3));
  CHECK(again.totals("n").leased == u(5));
  talk(agent, again, 2, start + 5s);
  CHECK(again.totals("n").leased == u(2));
  // An agent that never speaks: free when the longest lease is over.
  again.rebuilt({booking("a", 3), booking("b", 2)}, start + 10s);
  again.time_passed(start + 10s + terms.longest() - 1s);
  CHECK(again.totals("n").leased == u(5));
  again.time_passed(start + 10s + terms.longest());
  CHECK(again.totals("n").leased == Resources{});
}

TEST_CASE("a question from before the spending does not take it back") {
  Ledger ledger = books();
  Headroom agent("n", 1, start);
  talk(agent, ledger, 3, start);
  CHECK(agent.grow("a", u(2), u(4), unit, start, {1, 5}) == u(4));
  talk(agent, ledger, 0, start + 1s);
  CHECK(ledger.ask("a", u(2), unit, u(2), start + 2s, {1, 5})->permit == u(2));
  CHECK(ledger.find("a")->granted == u(4));
  CHECK(ledger.ask("a", u(3), unit, u(4), start + 2s, {1, 6})->permit == u(3));
  CHECK(ledger.find("a")->granted == u(3));
}

TEST_CASE("an account of a lease that has ended brings no permit back") {
  Ledger ledger = books();
  Headroom agent("n", 1, start);
  talk(agent, ledger, 3, start);
  CHECK(agent.grow("a", u(2), u(4), unit, start + 1s) == u(4));
  const Instant over = start + terms.longest();
  CHECK(ledger.time_passed(over) == std::nullopt);
  CHECK(ledger.ask("b", u(8), unit, u(2), over)->permit == u(8));
  talk(agent, ledger, 0, over + 1s);
  CHECK(ledger.find("a")->granted == u(2));
  CHECK(ledger.ask("a", u(4), unit, u(2), over + 2s)->permit == u(2));
}

TEST_CASE("a young agent does not speak for its predecessor's leases") {
  Ledger again(terms, 8);
  again.node_seen({"n", u(10), 0.9, true, {}});
  again.rebuilt({booking("a", 2), booking("b", 2)}, start);
  Headroom young("n", 2, start);
  talk(young, again, 3, start + 1s);
  talk(young, again, 3, start + 2s);
  CHECK(young.open(start + 2s) == Resources{});
  CHECK(again.totals("n").leased == u(5));
  talk(young, again, 3, start + terms.longest());
  CHECK(young.open(start + terms.longest()) == u(3));
}

TEST_CASE("what the target of a migration needs includes what may have been spent") {
  Ledger ledger = books();
  Headroom agent("n", 1, start);
  talk(agent, ledger, 3, start);
  CHECK(ledger.at_most("a") == u(5));
}

TEST_CASE("clocks that go back, shares and watermarks out of range are put right and counted") {
  Ledger ledger(LeaseTerms{7, 60s, 30s, 0.01}, 1);
  CHECK(ledger.corrections().size == 1);
  ledger.node_seen({"n", u(10), -3, true, {}});
  CHECK(ledger.totals("n").watermark == u(10));
  CHECK(ledger.corrections().size == 2);
  ledger.time_passed(start);
  ledger.time_passed(start - 1s);
  CHECK(ledger.corrections().clock == 1);
  Ledger good = books();
  Headroom agent("n", 1, start);
  talk(agent, good, 3, start);
  CHECK(agent.grow("a", u(2), u(4), unit, start - 5s) == u(2));
  CHECK(agent.corrections().clock == 1);
  CHECK(agent.open(start) == Resources{});
  CHECK_FALSE(good.headroom_asked({"n", 0, {}, 1, 7, {}, {}}, start).ok());
  CHECK(good.headroom_asked({"m", 1, {}, 1, 7, {}, {}}, start).error().code == Code::not_found);
}
