#include "guest/load.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "guest/file_text.hpp"

namespace neonvm::guest {
namespace {

using Clock = std::chrono::steady_clock;

// Filled and waited for in steps so small that the pace is even.
constexpr std::size_t step = 1 << 20;
constexpr std::size_t words_in_step = step / sizeof(std::uint64_t);

class Words {
 public:
  explicit Words(std::size_t bytes) : bytes_(bytes) {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    // volatile: a check that the compiler has worked out beforehand would check nothing.
    words_ = at == MAP_FAILED ? nullptr : static_cast<volatile std::uint64_t*>(at);
  }
  ~Words() {
    if (words_ != nullptr) ::munmap(const_cast<std::uint64_t*>(words_), bytes_);
  }
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;
  [[nodiscard]] bool valid() const { return words_ != nullptr; }
  [[nodiscard]] std::size_t count() const { return bytes_ / sizeof(std::uint64_t); }
  volatile std::uint64_t& operator[](std::size_t index) { return words_[index]; }

 private:
  std::size_t bytes_;
  volatile std::uint64_t* words_ = nullptr;
};

void write_step(Words& words, std::size_t first, std::uint64_t round) {
  const std::size_t end = std::min(first + words_in_step, words.count());
  for (std::size_t i = first; i < end; ++i) words[i] = pattern_word(i, round);
}

void check_step(Words& words, std::size_t first, std::uint64_t round, MemoryLoadReport& report) {
  const std::size_t end = std::min(first + words_in_step, words.count());
  for (std::size_t i = first; i < end; ++i) {
    if (words[i] == pattern_word(i, round)) continue;
    if (report.wrong++ == 0) report.first_wrong = i * sizeof(std::uint64_t);
  }
}

void fill(Words& words, const MemoryLoad& load, Clock::time_point start) {
  for (std::size_t first = 0; first < words.count(); first += words_in_step) {
    write_step(words, first, 0);
    if (!load.rate || load.rate->value == 0) continue;
    const double done = static_cast<double>((first + words_in_step) * sizeof(std::uint64_t));
    std::this_thread::sleep_until(start + from_seconds(done / static_cast<double>(load.rate->value)));
  }
}

// Each step is checked against the round before and rewritten at once: the memory is dirtied without pause.
void check_and_rewrite(Words& words, std::uint64_t round, MemoryLoadReport& report) {
  for (std::size_t first = 0; first < words.count(); first += words_in_step) {
    check_step(words, first, round, report);
    write_step(words, first, round + 1);
  }
  ++report.rounds;
}

}  // namespace

void load_cpus(std::uint32_t loops, Duration time) {
  const auto end = Clock::now() + time;
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < loops; ++i) {
    threads.emplace_back([end] {
      volatile std::uint64_t turns = 0;
      while (Clock::now() < end) {
        for (int i = 0; i < 100'000; ++i) turns = turns + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

Result<MemoryLoadReport> load_memory(const MemoryLoad& load) {
  Words words(round_up(load.size, step).value);
  if (!words.valid()) return errno_error(to_string(load.size) + " of memory", errno);
  MemoryLoadReport report;
  const auto start = Clock::now();
  fill(words, load, start);
  report.fill_seconds = seconds(Clock::now() - start);
  if (!load.check) {
    std::this_thread::sleep_until(start + load.time);
    return report;
  }
  std::uint64_t round = 0;
  do {
    check_and_rewrite(words, round, report);
    ++round;
  } while (Clock::now() - start < load.time);
  return report;
}

}  // namespace neonvm::guest
