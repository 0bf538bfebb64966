#include "plugins/orchestrator-local/bell.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "plugins/orchestrator-local/text_file.hpp"
#include "plugins/orchestrator-local/unique_fd.hpp"

namespace neonvm::local {
namespace {

using Counter = std::atomic<std::uint32_t>;
static_assert(sizeof(Counter) == 4 && Counter::is_always_lock_free, "the kernel reads it as a plain 32-bit word");

constexpr std::size_t file_size = 4096;

}  // namespace

Result<std::unique_ptr<Bell>> Bell::open(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return system_error("cannot open", path, errno);
  // Allocated now, so that a full disk later cannot turn a store into memory into a SIGBUS.
  if (const int number = ::posix_fallocate(fd.get(), 0, file_size); number != 0) {
    return system_error("cannot make room for", path, number);
  }
  void* memory = ::mmap(nullptr, file_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return system_error("cannot map", path, errno);
  return std::unique_ptr<Bell>(new Bell(static_cast<Counter*>(memory)));
}

Bell::~Bell() { ::munmap(counters_, file_size); }

Bell::Topic Bell::topic_of(Kind kind) {
  switch (kind) {
    case Kind::virtual_machine: return Topic::virtual_machine;
    case Kind::migration: return Topic::migration;
    case Kind::node: return Topic::node;
    case Kind::runner: return Topic::runner;
    case Kind::neighbour: return Topic::node;  // there are none, so any will do
    case Kind::ip_pool: return Topic::node;    // seldom written, and then a look too many is no harm
  }
  return Topic::virtual_machine;
}

void Bell::ring(Topic topic) {
  Counter& counter = counters_[static_cast<unsigned>(topic)];
  counter.fetch_add(1);
  ::syscall(SYS_futex, &counter, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

std::uint32_t Bell::round(Topic topic) const { return counters_[static_cast<unsigned>(topic)].load(); }

void Bell::wait(Topic topic, std::uint32_t seen, Deadline deadline) const {
  const auto ns = std::max<Duration>(deadline.time_since_epoch(), Duration::zero()).count();
  timespec until{};
  until.tv_sec = ns / 1'000'000'000;
  until.tv_nsec = ns % 1'000'000'000;
  // The bitset form takes an absolute time on CLOCK_MONOTONIC, which is what a Deadline is.
  ::syscall(SYS_futex, &counters_[static_cast<unsigned>(topic)], FUTEX_WAIT_BITSET, seen, &until, nullptr,
            FUTEX_BITSET_MATCH_ANY);
}

}  // namespace neonvm::local
