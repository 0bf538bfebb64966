#include "core/decide/ledger.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

constexpr Resources factor{MilliCpu{1000}, Bytes{4 * gib}};
constexpr Instant now{std::chrono::seconds(100)};

Resources f(std::uint32_t n) { return factor * n; }
Node node(const std::string& name, Resources capacity, double watermark = 0.8) { return {name, capacity, watermark, true, {}}; }
Booking booking(const std::string& holder, Resources granted, const std::string& on = "n") {
  return {holder, "vm-" + holder, on, granted, granted, factor, false, true};
}

}  // namespace

TEST_CASE("upstream's node accounting") {
  Ledger ledger;
  ledger.node_seen(node("n", {MilliCpu{10000}, Bytes{40 * gib}}));
  CHECK(ledger.totals("n").watermark == Resources{MilliCpu{8000}, Bytes{32 * gib}});
  REQUIRE(ledger.reserve(booking("a", {MilliCpu{2000}, Bytes{8 * gib}})).ok());
  REQUIRE(ledger.reserve(booking("b", {MilliCpu{1000}, Bytes{4 * gib}})).ok());
  CHECK(ledger.totals("n").reserved == Resources{MilliCpu{3000}, Bytes{12 * gib}});
  ledger.released("b");
  CHECK(ledger.totals("n").reserved == Resources{MilliCpu{2000}, Bytes{8 * gib}});
}

TEST_CASE("a node takes no more pods than it may, however small") {
  Ledger ledger;
  Node small = node("n", f(10));
  small.pods = 2;
  ledger.node_seen(small);
  REQUIRE(ledger.reserve(booking("a", f(1))).ok());
  CHECK_FALSE(ledger.totals("n").full);
  SECTION("another VM's") { REQUIRE(ledger.reserve(booking("b", f(1))).ok()); }
  SECTION("one that wants nothing, and came by itself") { ledger.holder_seen(booking("b", {})); }
  SECTION("after the books were lost") { ledger.rebuilt({booking("a", f(1)), booking("b", f(1))}, now); }
  CHECK(ledger.totals("n").full);
  const Status refused = ledger.reserve(booking("c", f(1)));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Code::out_of_capacity);
  CHECK(refused.error().message == "n has as many pods as it takes");
  CHECK(ledger.ask("a", f(2), factor, f(1), now)->permit == f(2));
  ledger.released("b");
  CHECK(ledger.reserve(booking("c", f(1))).ok());
  CHECK_FALSE(ledger.reserve(booking("d", f(1))).ok());
  small.pods = 0;  // as many as find room
  ledger.node_seen(small);
  CHECK(ledger.reserve(booking("d", f(1))).ok());
}

TEST_CASE("upstream's reconcile vectors") {
  struct Row {
    const char* name;
    std::uint32_t before, has, wants, after, gets;
  };
  const Row rows[] = {{"nothing to do", 3, 3, 3, 3, 3}, {"full", 3, 3, 5, 5, 5},     {"full exact", 8, 3, 5, 10, 5},
                      {"partial", 9, 3, 5, 10, 4},      {"blocked", 10, 3, 5, 10, 3}, {"overfull idle", 11, 3, 3, 11, 3},
                      {"overfull", 11, 3, 5, 11, 3},    {"less", 11, 3, 1, 9, 1}};
  for (const Row& row : rows) {
    INFO(row.name);
    Ledger ledger;
    ledger.node_seen(node("n", f(10)));
    ledger.rebuilt({booking("vm", f(row.has)), booking("rest", f(row.before - row.has))}, now);
    // The guest gives back at once here.
    if (row.wants < row.has) ledger.actual_seen("vm", f(row.wants));
    const auto grant = ledger.ask("vm", f(row.wants), factor, f(row.has), now);
    REQUIRE(grant);
    CHECK(grant->permit == f(row.gets));
    CHECK(grant->why.empty() == (row.gets == row.wants));
    CHECK(ledger.totals("n").reserved == f(row.after));
  }
}

TEST_CASE("CPU and memory are granted by themselves, and a rest smaller than a unit to nobody") {
  Ledger ledger;
  ledger.node_seen(node("n", {MilliCpu{10000}, Bytes{9 * gib}}));
  REQUIRE(ledger.reserve(booking("vm", f(1))).ok());
  const auto grant = ledger.ask("vm", f(4), factor, f(1), now);
  CHECK(grant->permit == Resources{MilliCpu{4000}, Bytes{8 * gib}});
  CHECK(grant->why == "n lacks 7Gi");
}

TEST_CASE("what the guest has not given back is not sold again") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  REQUIRE(ledger.reserve(booking("a", f(8))).ok());
  REQUIRE(ledger.reserve(booking("b", f(2))).ok());
  CHECK(ledger.ask("a", f(2), factor, f(8), now)->permit == f(2));
  CHECK(ledger.totals("n").reserved == f(10));
  CHECK(ledger.ask("b", f(4), factor, f(2), now)->permit == f(2));
  ledger.actual_seen("a", f(5));
  CHECK(ledger.ask("b", f(9), factor, f(2), now)->permit == f(5));
  // Until it is sold to another, the holder may take back what it still has.
  CHECK(ledger.ask("a", f(5), factor, f(2), now)->permit == f(5));
}

TEST_CASE("a new holder is booked only where it fits, once") {
  Ledger ledger;
  ledger.node_seen(node("n", f(4)));
  CHECK(ledger.reserve(booking("a", f(1), "elsewhere")).error().code == Code::not_found);
  REQUIRE(ledger.reserve(booking("a", f(3))).ok());
  CHECK(ledger.reserve(booking("a", f(3))).ok());
  CHECK(ledger.totals("n").reserved == f(3));
  const auto no = ledger.reserve(booking("b", f(2)));
  CHECK(no.error().code == Code::out_of_capacity);
  CHECK(no.error().message == "n lacks 1 CPU, 4Gi");
  CHECK(ledger.find("b") == nullptr);
  CHECK(ledger.ask("b", f(1), factor, std::nullopt, now).error().code == Code::not_found);
}

TEST_CASE("both ends of a migration are booked, and the VM does not grow") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  ledger.node_seen(node("m", f(10)));
  Booking source = booking("src", f(4)), target = booking("dst", f(4), "m");
  source.vm = target.vm = "one";
  REQUIRE(ledger.reserve(source).ok());
  REQUIRE(ledger.reserve(target).ok());
  ledger.leaving_seen("src", true);
  CHECK(ledger.totals("n").leaving == f(4));
  CHECK(ledger.totals("m").reserved == f(4));
  const auto grant = ledger.ask("src", f(6), factor, f(4), now);
  CHECK(grant->permit == f(4));
  CHECK(grant->why == "the VM is being migrated");
  ledger.released("src");
  CHECK(ledger.ask("dst", f(6), factor, f(4), now)->permit == f(6));
}

TEST_CASE("after a rebuild nothing grows before everybody has restated, or the time is over") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  Booking a = booking("a", f(2)), b = booking("b", f(2));
  a.confirmed = b.confirmed = false;
  ledger.rebuilt({a, b}, now + std::chrono::seconds(20));
  const auto wait = ledger.ask("a", f(9), factor, f(2), now);
  CHECK(wait->permit == f(2));
  CHECK(wait->retry == now + std::chrono::seconds(20));
  // b had been promised 5 by the books that were lost.
  CHECK(ledger.ask("b", f(2), factor, f(5), now)->permit == f(2));
  CHECK(ledger.ask("a", f(9), factor, f(2), now)->permit == f(8));

  ledger.rebuilt({a, b}, now + std::chrono::seconds(20));
  CHECK(ledger.ask("b", f(5), factor, f(5), now)->permit == f(5));
  CHECK(ledger.ask("a", f(9), factor, f(2), now)->permit == f(5));

  ledger.rebuilt({a, b}, now + std::chrono::seconds(20));
  CHECK(ledger.ask("a", f(9), factor, f(2), now + std::chrono::seconds(20))->permit == f(8));
}

TEST_CASE("a successor takes over what its predecessor held") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  REQUIRE(ledger.reserve(booking("old", f(4))).ok());
  ledger.holder_seen(booking("new", f(3)));
  ledger.renamed("old", "new");
  CHECK(ledger.find("old") == nullptr);
  CHECK(ledger.totals("n").reserved == f(4));
}

TEST_CASE("what a VM holds by its objects") {
  VmSpec spec;
  VmStatus status;
  spec.cpu.use = MilliCpu{250};
  spec.memory.use = Bytes{gib};
  CHECK(held_by(spec, status) == Resources{MilliCpu{250}, Bytes{gib}});
  status.cpu.actual = MilliCpu{1000};
  status.memory.actual = Bytes{3 * gib};
  CHECK(held_by(spec, status) == Resources{MilliCpu{250}, Bytes{3 * gib}});
  status.cpu.actual = MilliCpu{2000};
  CHECK(held_by(spec, status) == Resources{MilliCpu{2000}, Bytes{3 * gib}});
}

TEST_CASE("after a rebuild no new VM takes what may be promised, but what may have been permitted is kept") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  Booking a = booking("a", f(2)), hand = booking("hand", f(2));
  a.confirmed = false;
  ledger.rebuilt({a, hand}, now + std::chrono::seconds(20));
  ledger.may_have_been_permitted("hand", f(3));
  CHECK(ledger.find("hand")->granted == f(3));
  CHECK(ledger.totals("n").free() == Resources{});
  CHECK(ledger.reserve(booking("new", f(1))).error().code == Code::out_of_capacity);
  REQUIRE(ledger.ask("a", f(2), factor, f(4), now).ok());
  CHECK(ledger.totals("n").free() == f(5));
  ledger.rebuilt({a, hand}, now + std::chrono::seconds(20));
  CHECK(ledger.time_passed(now) == now + std::chrono::seconds(20));
  ledger.time_passed(now + std::chrono::seconds(20));
  CHECK(ledger.reserve(booking("new", f(6))).ok());
}

TEST_CASE("upstream's vectors of overcommit, rounded up") {
  const Resources size{MilliCpu{1000}, Bytes{2 * gib}};
  CHECK(applied(size, {2500, 1500}) == Resources{MilliCpu{400}, Bytes{1431655766}});
  CHECK(applied(size, {2500, 1000}) == Resources{MilliCpu{400}, Bytes{2 * gib}});
  CHECK(applied(size, {0, 0}) == size);
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  Booking thin = booking("thin", f(8));
  thin.overcommit = {2000, 2000};
  REQUIRE(ledger.reserve(thin).ok());
  CHECK(ledger.totals("n").reserved == f(4));
  // Six are free, and it counts by half.
  CHECK(ledger.ask("thin", f(30), factor, f(8), now)->permit == f(20));
  CHECK(ledger.totals("n").reserved == f(10));
}

TEST_CASE("what an earlier life was granted is kept while it may still be written") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  REQUIRE(ledger.reserve(booking("a", f(2))).ok());
  REQUIRE(ledger.reserve(booking("b", f(2))).ok());
  CHECK(ledger.ask("a", f(6), factor, f(2), now, {5, 1})->permit == f(6));
  // Its agent starts anew, and reads the wish from before the last one.
  CHECK(ledger.ask("a", f(2), factor, std::nullopt, now, {6, 1})->permit == f(2));
  CHECK(ledger.find("a")->granted == f(6));
  CHECK(ledger.ask("b", f(8), factor, f(2), now, {5, 1})->permit == f(4));
  CHECK(ledger.ask("a", f(2), factor, f(2), now + LeaseTerms{}.longest(), {6, 2})->permit == f(2));
  CHECK(ledger.find("a")->granted == f(2));
  // A life that gives back what it asked for itself gives it back at once.
  CHECK(ledger.ask("a", f(4), factor, f(2), now + LeaseTerms{}.longest(), {6, 3})->permit == f(4));
  CHECK(ledger.ask("a", f(2), factor, f(4), now + LeaseTerms{}.longest(), {6, 4})->permit == f(2));
  CHECK(ledger.find("a")->granted == f(2));
}

TEST_CASE("a question that comes late changes nothing") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  REQUIRE(ledger.reserve(booking("a", f(2))).ok());
  CHECK(ledger.ask("a", f(6), factor, f(2), now, {5, 2})->permit == f(6));
  CHECK(ledger.ask("a", f(2), factor, f(2), now, {5, 1})->permit == f(2));
  CHECK(ledger.ask("a", f(2), factor, f(2), now, {4, 9})->permit == f(2));
  CHECK(ledger.find("a")->granted == f(6));
  CHECK(ledger.ask("a", f(3), factor, f(6), now, {6, 1})->permit == f(3));
  // A life before, long after: its clock was ahead.
  CHECK(ledger.ask("a", f(5), factor, f(3), now + std::chrono::hours(1), {1, 1})->permit == f(5));
}

TEST_CASE("sizes beyond all bounds fill a node and break nothing") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  const Resources most{MilliCpu{~0u}, Bytes{~std::uint64_t{0}}};
  REQUIRE(ledger.reserve(booking("a", f(2))).ok());
  for (const char* name : {"x", "y", "z"}) ledger.holder_seen(booking(name, most));
  CHECK(ledger.totals("n").reserved == most);
  CHECK(ledger.ask("a", most, factor, f(2), now)->permit == f(2));
  for (const char* name : {"x", "y", "z"}) ledger.released(name);
  CHECK(ledger.totals("n").reserved == f(2));
  CHECK(ledger.ask("a", most, {}, most, now)->permit == f(10));
}

TEST_CASE("what a VM's own processes take counts, and is neither granted nor overcommitted") {
  Ledger ledger;
  ledger.node_seen(node("n", f(10)));
  Booking vm = booking("vm", f(4));
  vm.overhead = f(1);
  vm.overcommit = {2000, 2000};
  CHECK(taken(vm) == f(3));
  REQUIRE(ledger.reserve(vm).ok());
  CHECK(ledger.totals("n").reserved == f(3));
  CHECK(ledger.ask("vm", f(100), factor, f(4), now)->permit == f(18));
  CHECK(ledger.totals("n").reserved == f(10));
  Booking late = booking("late", f(1));
  CHECK(ledger.reserve(late).error().code == Code::out_of_capacity);
  Booking fact = vm;
  fact.overhead = f(2);
  ledger.holder_seen(fact);
  CHECK(ledger.totals("n").reserved == f(11));
  ledger.released("vm");
  CHECK(ledger.totals("n").reserved == Resources{});
}
