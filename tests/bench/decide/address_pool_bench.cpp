// How many addresses a second the pool gives and takes back, nearly full and full of gaps.
#include <benchmark/benchmark.h>

#include "core/decide/address_pool.hpp"

using namespace neonvm::decide;

namespace {

AddressPool shipped_pool() { return AddressPool::from({{"10.100.0.0/16", "10.100.128.0", "", {}}}).value(); }

// From empty to full: every VM of a cluster that starts.
void fill(benchmark::State& state) {
  std::vector<std::string> owners;
  for (int i = 0; i < 32767; ++i) owners.push_back("default/vm-" + std::to_string(i));
  for (auto _ : state) {
    AddressPool pool = shipped_pool();
    for (const std::string& owner : owners) benchmark::DoNotOptimize(pool.acquire(owner).ok());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(owners.size()));
}
BENCHMARK(fill)->Unit(benchmark::kMillisecond);

// One VM goes and one comes, with every second address free.
void churn(benchmark::State& state) {
  AddressPool pool = shipped_pool();
  for (int i = 0; i < 32767; ++i) (void)pool.acquire("default/vm-" + std::to_string(i));
  for (int i = 0; i < 32767; i += 2) pool.release("default/vm-" + std::to_string(i));
  int next = 1;
  for (auto _ : state) {
    pool.release("default/vm-" + std::to_string(next));
    benchmark::DoNotOptimize(pool.acquire("default/new-" + std::to_string(next)).ok());
    pool.release("default/new-" + std::to_string(next));
    (void)pool.acquire("default/vm-" + std::to_string(next));
    next = (next + 2) % 32766;
  }
  state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(churn);

}  // namespace
