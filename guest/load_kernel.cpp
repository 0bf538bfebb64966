// Memory that does not leave by itself: locked, page tables, slab.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "guest/file_text.hpp"
#include "guest/load.hpp"
#include "guest/procfs.hpp"

namespace neonvm::guest {
namespace {

constexpr std::size_t page = 4096;
// What one page of page table entries maps.
constexpr std::size_t per_table = page / 8 * page;

Error gave_up(Bytes got, const char* what, int number) {
  return errno_error("after " + to_string(got) + " of " + what, number);
}

Result<Bytes> lock_pages(Bytes amount) {
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  ::setrlimit(RLIMIT_MEMLOCK, &all);
  void* at = ::mmap(nullptr, amount.value, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED || ::mlock(at, amount.value) != 0) return gave_up({}, "locked memory", errno);
  return amount;
}

// Reading maps the one page of zeros, so that nothing but tables is needed.
Result<Bytes> fill_tables(Bytes amount) {
  const std::size_t tables = amount.value / page;
  constexpr int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* at = ::mmap(nullptr, tables * per_table, PROT_READ, how, -1, 0);
  if (at == MAP_FAILED) return gave_up({}, "page tables", errno);
  ::madvise(at, tables * per_table, MADV_NOHUGEPAGE);
  const volatile char* bytes = static_cast<const volatile char*>(at);
  for (std::size_t i = 0; i < tables; ++i) (void)bytes[i * per_table];
  return Bytes{tables * page};
}

Bytes slab_now() {
  const auto meminfo = read_text("/proc/meminfo");
  ProcTexts texts;
  if (meminfo) texts.meminfo = *meminfo;
  const Bytes slab = read_proc(texts).slab_unreclaimable;
  return is_known(slab) ? slab : Bytes{};
}

Result<Bytes> fill_slab(Bytes amount) {
  constexpr int between_looks = 128;
  const rlimit many{1 << 20, 1 << 20};
  ::setrlimit(RLIMIT_NOFILE, &many);
  const Bytes before = slab_now();
  for (;;) {
    for (int i = 0; i < between_looks; ++i) {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC) != 0) return gave_up(slab_now() - before, "slab", errno);
    }
    if (const Bytes got = slab_now() - before; got >= amount) return got;
  }
}

}  // namespace

Result<Bytes> hold_memory(KernelLoad what, Bytes amount, Duration time) {
  const auto end = std::chrono::steady_clock::now() + time;
  const auto got = what == KernelLoad::locked ? lock_pages(amount)
                   : what == KernelLoad::slab ? fill_slab(amount)
                                              : fill_tables(amount);
  if (got) std::this_thread::sleep_until(end);
  return got;
}

}  // namespace neonvm::guest
