// Addresses of a /16 as the controller gives them. Goal: 10,000 a second in memory.
// book: the controller's own books; beside them what upstream does for each address, which reads the whole stored pool and goes through
// the range from its start (reads_all). office: with the stored pool, in memory, too, which is written whole for whatever was asked together.
#include <benchmark/benchmark.h>

#include <set>

#include "core/daemon/address_office.hpp"
#include "core/runtime/log.hpp"
#include "tests/support/fake_orchestrator.hpp"

namespace {

using namespace neonvm;
using Clock = std::chrono::steady_clock;

constexpr int whole = 65534, half = whole / 2;  // of a /16

decide::AddressBook empty_book() { return decide::AddressBook::from({"neonvm", "10.100.0.0/16", "", ""}).value(); }

const std::string& owner(int number) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (int i = 0; i <= whole; ++i) all.push_back("default/vm-" + std::to_string(i));
    return all;
  }();
  return names[static_cast<std::size_t>(number)];
}

decide::AddressBook book_with(int taken) {
  decide::AddressBook book = empty_book();
  for (int i = 0; i < taken; ++i) (void)book.claim(owner(i), std::nullopt);
  return book;
}

bool reads_all(const IpPool& stored, const std::string& wanted) {
  std::set<std::uint64_t> taken;
  for (const auto& [key, entry] : stored.allocations) {
    if (entry.id == wanted) return true;
    taken.insert(std::stoull(key));
  }
  for (std::uint64_t offset = 1; offset <= whole; ++offset)
    if (taken.count(offset) == 0) return true;
  return false;
}

// Once in a program: how many a second, of a pool that is half full.
double upstream_rate() {
  static const double rate = [] {
    const IpPool stored = book_with(half).record();
    constexpr int turns = 20;
    const auto began = Clock::now();
    for (int i = 0; i < turns; ++i) benchmark::DoNotOptimize(reads_all(stored, owner(whole)));
    return turns / std::chrono::duration<double>(Clock::now() - began).count();
  }();
  return rate;
}

void told(benchmark::State& state, double items, double seconds) {
  state.counters["allocations/s"] = items / seconds;
  state.counters["times_upstream"] = items / seconds / upstream_rate();
}

// Every address of the range is given, and then taken back.
void book_whole_range(benchmark::State& state) {
  (void)upstream_rate();
  double given = 0, seconds = 0;
  for (auto _ : state) {
    decide::AddressBook book = empty_book();
    const auto began = Clock::now();
    for (int i = 0; i < whole; ++i) benchmark::DoNotOptimize(book.claim(owner(i), std::nullopt).ok());
    seconds += std::chrono::duration<double>(Clock::now() - began).count();
    given += whole;
    if (book.claim(owner(whole), std::nullopt)) state.SkipWithError("an address too many");
    for (int i = 0; i < whole; ++i) book.release(owner(i));
    if (book.taken() != 0) state.SkipWithError("an address leaked");
  }
  told(state, given, seconds);
}
BENCHMARK(book_whole_range)->Unit(benchmark::kMillisecond);

// One comes and one goes, with every second address free.
void book_half_full(benchmark::State& state) {
  (void)upstream_rate();
  decide::AddressBook book = book_with(whole);
  for (int i = 0; i < whole; i += 2) book.release(owner(i));
  double given = 0;
  const auto began = Clock::now();
  for (auto _ : state) {
    benchmark::DoNotOptimize(book.claim(owner(whole), std::nullopt).ok());
    book.release(owner(whole));
    ++given;
  }
  told(state, given, std::chrono::duration<double>(Clock::now() - began).count());
}
BENCHMARK(book_half_full);

// A loop with the office, its stored pool in memory.
class Office {
 public:
  Office() : office_(loop_, orchestrator_, metrics_, {empty_book(), "", std::chrono::seconds(10)}) {}

  // `first` to `last`, at most `together` of them under way. Returns the seconds; below 0: something failed.
  double all(bool claims, int first, int last, int together) {
    next_ = first, last_ = last, open_ = 0, failed_ = 0, claims_ = claims;
    const auto began = Clock::now();
    loop_.post([this, together] {
      for (int i = 0; i < together; ++i) one();
    });
    const bool done = loop_.run_until([this] { return next_ == last_ && open_ == 0; }, std::chrono::seconds(300));
    return done && failed_ == 0 ? std::chrono::duration<double>(Clock::now() - began).count() : -1;
  }

 private:
  void one() {
    if (next_ == last_) return;
    ++open_;
    const std::string& who = owner(next_++);
    if (claims_) return office_.claim(who, {}, [this](const Result<OverlayAddress>& given) { answered(given.ok()); });
    office_.release(who, [this](const Status& gone) { answered(gone.ok()); });
  }
  void answered(bool good) {
    --open_;
    if (!good) ++failed_;
    one();
  }

  runtime::Loop loop_{2};
  fakes::FakeOrchestrator orchestrator_;
  runtime::MetricsRegistry metrics_;
  daemon::AddressOffice office_;
  int next_ = 0, last_ = 0, open_ = 0, failed_ = 0;
  bool claims_ = true;
};

// range(0) VMs ask, range(1) at a time; of a pool where range(2) have one already.
void office(benchmark::State& state) {
  static const bool quiet = [] {
    runtime::LogOptions options;
    options.level = runtime::LogLevel::warning;
    return runtime::open_log(options).ok();
  }();
  benchmark::DoNotOptimize(quiet);
  (void)upstream_rate();
  const int more = static_cast<int>(state.range(0)), together = static_cast<int>(state.range(1)), before = static_cast<int>(state.range(2));
  double given = 0, seconds = 0, back = 0;
  for (auto _ : state) {
    Office subject;
    if (before != 0 && subject.all(true, 0, before, before) < 0) state.SkipWithError("the pool could not be filled");
    const double claimed = subject.all(true, before, before + more, together);
    const double released = subject.all(false, before, before + more, together);
    if (claimed < 0 || released < 0) state.SkipWithError("not everybody was answered well");
    seconds += claimed, back += released, given += more;
    state.SetIterationTime(claimed + released);
  }
  told(state, given, seconds);
  state.counters["releases/s"] = given / back;
}
BENCHMARK(office)->Name("office/burst")->Args({10000, 10000, 0})->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(office)->Name("office/16_at_a_time")->Args({1600, 16, 0})->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(office)->Name("office/full_range")->Args({whole, whole, 0})->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(office)->Name("office/full_burst_on_half")->Args({10000, 10000, half})->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(office)->Name("office/full_16_at_a_time_on_half")->Args({160, 16, half})->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
