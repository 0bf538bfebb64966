#include "guest/load.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
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

namespace {

constexpr std::size_t wave_step = 256 * 1024;

// What is taken back is a hole in the file: freed at once, and shared memory to the kernel, as shared_buffers is.
class SharedWords {
 public:
  explicit SharedWords(std::size_t bytes) : bytes_(bytes), file_(::memfd_create("wave", MFD_CLOEXEC)) {
    if (!file_.valid() || ::ftruncate(file_.get(), static_cast<off_t>(bytes)) != 0) return;
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_.get(), 0);
    words_ = at == MAP_FAILED ? nullptr : static_cast<char*>(at);
  }
  ~SharedWords() {
    if (words_ != nullptr) ::munmap(words_, bytes_);
  }
  SharedWords(const SharedWords&) = delete;
  SharedWords& operator=(const SharedWords&) = delete;
  [[nodiscard]] bool valid() const { return words_ != nullptr; }
  void take(std::size_t at) { std::memset(words_ + at, 0x5a, wave_step); }
  bool give_back(std::size_t at) { return ::madvise(words_ + at, wave_step, MADV_REMOVE) == 0; }

 private:
  std::size_t bytes_;
  Fd file_;
  char* words_ = nullptr;
};

}  // namespace

Status wave_memory(const MemoryWave& wave, const std::function<void(Bytes)>& told) {
  const std::size_t low = round_up(wave.low, wave_step).value, high = round_up(wave.high, wave_step).value;
  SharedWords words(high);
  if (!words.valid()) return errno_error(to_string(wave.high) + " of memory", errno);
  const auto start = Clock::now();
  const auto pause = from_seconds(static_cast<double>(wave_step) / static_cast<double>(std::max<std::uint64_t>(wave.rate.value, wave_step)));
  auto due = start, tell = start;
  std::size_t has = 0;
  for (bool up = true; Clock::now() - start < wave.time;) {
    if (has >= high) up = false;
    if (has <= low) up = true;
    if (up) words.take(has);
    has = up ? has + wave_step : has - wave_step;
    if (!up && !words.give_back(has)) return errno_error("giving memory back", errno);
    if (Clock::now() >= tell) {
      told(Bytes{has});
      tell += std::chrono::seconds(1);
    }
    due += pause;
    std::this_thread::sleep_until(due);
  }
  return {};
}

}  // namespace neonvm::guest
