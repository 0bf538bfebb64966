// Grants of the ledger, with 5,000 nodes and 100,000 VMs in the books. Goal: 1 million a second on one core.
// Excluded: the protocol, JSON, the loop, the watch; included: finding the VM by name, its node, the sums.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "tests/bench/decide/bench_world.hpp"

namespace {

using namespace neonvm;

// Random VMs grow and shrink by turns.
void grants(benchmark::State& state) {
  decide::Ledger books = bench::ledger();
  std::mt19937 random(2);
  std::vector<std::string> holders;
  for (std::uint32_t i = 0; i < 1u << 16; ++i) holders.push_back(bench::runner_name(static_cast<std::uint32_t>(random() % bench::vms)));
  std::uint32_t i = 0;
  const Instant now{std::chrono::hours(1)};
  for (auto _ : state) {
    const Resources wanted = bench::units(1 + (i * 7) % 8);
    benchmark::DoNotOptimize(books.ask(holders[i % holders.size()], wanted, bench::units(1), std::nullopt, now));
    ++i;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(grants)->Unit(benchmark::kNanosecond);

// Baseline: what a question costs that sums up the node's VMs each time, as a scan over all bookings.
void grants_by_summing_up(benchmark::State& state) {
  decide::Ledger books = bench::ledger();
  std::uint32_t i = 0;
  for (auto _ : state) {
    const std::string node = bench::node_name(i++);
    Resources sum;
    for (const auto& [holder, booking] : books.bookings())
      if (booking.node == node) sum = sum + decide::reserved(booking);
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(grants_by_summing_up)->Unit(benchmark::kNanosecond);

// An agent's account and a lease, with eight spends.
void leases(benchmark::State& state) {
  decide::Ledger books(decide::LeaseTerms{0.2, std::chrono::seconds(60), std::chrono::seconds(30), 0.01}, 1);
  books.node_seen({"n", bench::units(512), 0.9, true, {}});
  for (std::uint32_t v = 0; v < 8; ++v)
    books.holder_seen({bench::runner_name(v), "uid-" + std::to_string(v), "n", bench::units(2), bench::units(2), bench::units(1),
                       false, true, {}, {}, {}});
  Instant now{std::chrono::hours(1)};
  decide::Headroom agent("n", 1, now);
  for (auto _ : state) {
    now += std::chrono::seconds(1);
    agent.answered(books.headroom_asked(agent.request(bench::units(8), now), now).value(), now);
    for (std::uint32_t v = 0; v < 8; ++v)
      benchmark::DoNotOptimize(agent.grow(bench::runner_name(v), bench::units(2), bench::units(3), bench::units(1), now));
    for (std::uint32_t v = 0; v < 8; ++v)
      benchmark::DoNotOptimize(books.ask(bench::runner_name(v), bench::units(2), bench::units(1), std::nullopt, now));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(leases)->Unit(benchmark::kNanosecond);

}  // namespace
