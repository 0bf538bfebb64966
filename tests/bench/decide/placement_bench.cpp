// Where a VM goes, with 5,000 nodes and 100,000 VMs in the books. Goal: 100,000 decisions a second on one core. One
// decision here is the whole of it: the choice, the booking, the change of the index, and the release of an older VM.
// Excluded: the API, JSON, watches, the runner's start, affinities. (kube-scheduler's published floor for 5,000 nodes
// is 680-810 pods/s with its API included: compare the order, not the figure.)
#include <benchmark/benchmark.h>

#include <deque>
#include <random>

#include "core/decide/placement_index.hpp"
#include "tests/bench/decide/bench_world.hpp"

namespace {

using namespace neonvm;
using decide::PlacementRule;

template <typename Choose>
void place(benchmark::State& state, decide::Ledger& books, const Choose& choose) {
  std::mt19937 random(3);
  std::deque<std::string> placed;
  std::uint32_t i = 0;
  for (auto _ : state) {
    decide::Booking wanted;
    wanted.holder = "new-" + std::to_string(i++);
    wanted.vm = wanted.holder;
    wanted.granted = bench::units(1 + static_cast<std::uint32_t>(random() % 8));
    const auto node = choose(wanted.granted);
    if (!node) return state.SkipWithError(node.error().message.c_str());
    wanted.node = *node;
    if (!books.reserve(wanted)) return state.SkipWithError("the chosen node has no room");
    placed.push_back(wanted.holder);
    if (placed.size() > 10000) books.released(placed.front()), placed.pop_front();
  }
  state.SetItemsProcessed(state.iterations());
}

void with_index(benchmark::State& state) {
  decide::Ledger books = bench::ledger();
  decide::PlacementIndex index({PlacementRule(state.range(0))});
  index.follow(books);
  place(state, books, [&](const Resources& size) {
    index.follow(books);
    return index.choose({size, {}, "", ""});
  });
  state.counters["nodes looked at"] =
      benchmark::Counter(static_cast<double>(index.looked_at()), benchmark::Counter::kAvgIterations);
}
BENCHMARK(with_index)->Arg(int(PlacementRule::peak))->Arg(int(PlacementRule::pack))->Arg(int(PlacementRule::spread))->Unit(benchmark::kNanosecond);

// Baseline: all nodes are looked at each time.
void without_index(benchmark::State& state) {
  decide::Ledger books = bench::ledger();
  place(state, books, [&](const Resources& size) {
    return decide::choose_node(decide::views_of(books), {size, {}, "", ""}, {PlacementRule(state.range(0))});
  });
}
BENCHMARK(without_index)->Arg(int(PlacementRule::peak))->Unit(benchmark::kNanosecond);

// A fresh world, where all nodes of a size are alike.
void into_an_empty_world(benchmark::State& state) {
  decide::Ledger books;
  for (std::uint32_t n = 0; n < bench::nodes; ++n) books.node_seen({bench::node_name(n), bench::units(128), 0.9, true, {}});
  decide::PlacementIndex index({PlacementRule(state.range(0))});
  place(state, books, [&](const Resources& size) {
    index.follow(books);
    return index.choose({size, {}, "", ""});
  });
}
BENCHMARK(into_an_empty_world)->Arg(int(PlacementRule::peak))->Arg(int(PlacementRule::pack))->Arg(int(PlacementRule::spread))->Unit(benchmark::kNanosecond);

// Who leaves, when a tenth of the nodes are above their watermarks.
void moves(benchmark::State& state) {
  decide::Ledger books = bench::ledger();
  std::vector<decide::Mover> movers;
  for (const auto& [holder, booking] : books.bookings())
    movers.push_back({booking.vm, booking.node, decide::reserved(booking), true, {}, std::nullopt, {}});
  auto views = decide::views_of(books);
  for (std::size_t i = 0; i < views.size(); i += 10) views[i].totals.watermark = views[i].totals.reserved - bench::units(4);
  decide::MoveSettings settings;
  settings.at_once = 50;
  for (auto _ : state)
    benchmark::DoNotOptimize(decide::choose_moves(views, movers, {}, {}, settings, Instant{std::chrono::hours(1)}));
}
BENCHMARK(moves)->Unit(benchmark::kMillisecond);

}  // namespace
