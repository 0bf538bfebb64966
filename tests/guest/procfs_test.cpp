#include "guest/procfs.hpp"

#include <random>
#include <string>

#include "guest/proc_reader.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;

namespace {

// From a running Debian cloud kernel, shortened to the lines that matter and some that do not.
const std::string loadavg = "0.52 0.41 0.30 3/112 4711\n";
const std::string stat_text =
    "cpu  1000 10 300 50000 200 5 15 40 0 0\n"
    "cpu0 600 5 200 25000 100 3 10 20 0 0\n"
    "cpu2 400 5 100 25000 100 2 5 20 0 0\n"
    "intr 12345 0 9 0\n"
    "ctxt 99\nbtime 1700000000\nprocesses 4711\nprocs_running 3\nprocs_blocked 1\n";
const std::string meminfo =
    "MemTotal:         495616 kB\nMemFree:          412340 kB\nMemAvailable:     452100 kB\nBuffers:            1000 kB\n"
    "Cached:            20000 kB\nSwapCached:            0 kB\nShmem:              4000 kB\nAnonPages:          9000 kB\n"
    "SReclaimable:       3000 kB\nSUnreclaim:         7000 kB\nSwapTotal:        262144 kB\nSwapFree:         200000 kB\n"
    "HugePages_Total:       0\n";
const std::string vmstat =
    "nr_free_pages 103085\nworkingset_refault_anon 100\nworkingset_refault_file 900\npswpin 50\npswpout 70\noom_kill 2\n";
const std::string pressure =
    "some avg10=12.50 avg60=3.00 avg300=0.50 total=1000000\nfull avg10=2.50 avg60=1.00 avg300=0.10 total=400000\n";

ProcTexts texts() { return {loadavg, stat_text, meminfo, vmstat, pressure, pressure, pressure}; }

}  // namespace

TEST_CASE("one reading is told without rates") {
  const GuestSample sample = sample_of(read_proc(texts()));
  CHECK(sample.load1 == 0.52);
  CHECK(sample.load5 == 0.41);
  CHECK(sample.load15 == 0.30);
  CHECK(sample.runnable == 2);  // three, less the reader
  CHECK(sample.blocked == 1);
  CHECK(sample.online_cpus == 2);
  CHECK(sample.memory_total == Bytes{495616 * kib});
  CHECK(sample.memory_available == Bytes{452100 * kib});
  CHECK(sample.memory_free == Bytes{412340 * kib});
  CHECK(sample.memory_anon == Bytes{9000 * kib});
  CHECK(sample.memory_cached == Bytes{21000 * kib});
  CHECK(sample.memory_file == Bytes{17000 * kib});
  CHECK(sample.memory_shmem == Bytes{4000 * kib});
  CHECK(sample.slab_reclaimable == Bytes{3000 * kib});
  CHECK(sample.slab_unreclaimable == Bytes{7000 * kib});
  CHECK(sample.swap_total == Bytes{262144 * kib});
  CHECK(sample.swap_free == Bytes{200000 * kib});
  CHECK(sample.oom_kills == 2);
  CHECK(sample.memory.some_avg10 == 0.125);
  CHECK(sample.memory.full_avg10 == 0.025);
  CHECK_FALSE(is_known(sample.memory.some));
  CHECK_FALSE(is_known(sample.cpu_used));
  CHECK_FALSE(is_known(sample.refaults));
  CHECK_FALSE(is_known(sample.interval));
}

TEST_CASE("two readings give rates") {
  const ProcReading before = read_proc(texts());
  ProcReading now = before;
  now.busy_ticks = *before.busy_ticks + 150;      // 1.5 s of work in 2 s
  now.stolen_ticks = *before.stolen_ticks + 20;
  now.refaults = *before.refaults + 500;
  now.swapped_in = *before.swapped_in + 10;
  now.cpu.some_us = *before.cpu.some_us + 500'000;
  now.memory.full_us = *before.memory.full_us + 5'000'000;  // more than there was time: clocks differ a little
  const GuestSample sample = sample_between(before, now, std::chrono::seconds(2));
  CHECK(sample.interval == 2);
  CHECK(sample.cpu_used == Approx(0.75));
  CHECK(sample.cpu_stolen == Approx(0.1));
  CHECK(sample.refaults == Approx(250));
  CHECK(sample.swapped_in == Approx(5));
  CHECK(sample.cpu.some == Approx(0.25));
  CHECK(sample.memory.full == 1);
  CHECK(sample.io.some == 0);
}

TEST_CASE("no more CPU is used than there is") {
  const ProcReading before = read_proc(texts());
  ProcReading now = before;
  now.busy_ticks = *before.busy_ticks + 1000;
  CHECK(sample_between(before, now, std::chrono::seconds(1)).cpu_used == 2);
}

TEST_CASE("a counter that went back gives no rate") {
  const ProcReading before = read_proc(texts());
  ProcReading now = before;
  now.busy_ticks = 1;
  now.refaults = 1;
  now.io.some_us.reset();
  const GuestSample sample = sample_between(before, now, std::chrono::seconds(1));
  CHECK_FALSE(is_known(sample.cpu_used));
  CHECK_FALSE(is_known(sample.refaults));
  CHECK_FALSE(is_known(sample.io.some));
  CHECK(is_known(sample.cpu.some));
  CHECK_FALSE(is_known(sample_between(before, before, Duration{}).cpu_used));
}

TEST_CASE("what is missing is absent, not zero") {
  const GuestSample nothing = sample_of(read_proc({}));
  CHECK_FALSE(is_known(nothing.load1));
  CHECK_FALSE(is_known(nothing.runnable));
  CHECK_FALSE(is_known(nothing.memory_total));
  CHECK_FALSE(is_known(nothing.memory_file));
  CHECK_FALSE(is_known(nothing.cpu.some_avg10));
  CHECK(nothing.online_cpus == 0);
  CHECK(nothing.oom_kills == 0);
}

TEST_CASE("odd text costs only its own field") {
  ProcTexts odd = texts();
  const std::string bad_meminfo = "MemTotal: many kB\nMemAvailable: 18446744073709551615 kB\nMemFree: -5 kB\nAnonPages:\n"
                                  "Cached: 10 kB\n:\n\nBuffers 7 kB";
  odd.meminfo = bad_meminfo;
  odd.loadavg = "nan inf 0.5";
  odd.stat = "cpu 1 2 3\ncpuX 1\ncpu99999999999 1\nprocs_running x\nprocs_blocked 4";
  odd.vmstat = "oom_kill\nworkingset_refault_file 5x\npswpin 7";
  odd.cpu_pressure = "some avg10=120.00 total=\nfull avg10=x total=9";
  const ProcReading reading = read_proc(odd);
  CHECK_FALSE(is_known(reading.total));
  CHECK_FALSE(is_known(reading.available));
  CHECK_FALSE(is_known(reading.free));
  CHECK_FALSE(is_known(reading.anon));
  CHECK(reading.cached == Bytes{10 * kib});
  CHECK(reading.buffers == Bytes{7 * kib});
  CHECK_FALSE(is_known(reading.load1));
  CHECK_FALSE(is_known(reading.load5));
  CHECK(reading.load15 == 0.5);
  CHECK_FALSE(reading.busy_ticks);
  CHECK(reading.online_cpus == 0);
  CHECK_FALSE(is_known(reading.runnable));
  CHECK(reading.blocked == 4);
  CHECK_FALSE(reading.refaults);
  CHECK(reading.swapped_in == 7u);
  CHECK(reading.cpu.some_avg10 == 1);
  CHECK_FALSE(reading.cpu.some_us);
  CHECK(reading.cpu.full_us == 9u);
}

TEST_CASE("any text is read without harm") {
  std::mt19937 random(20240607);
  const std::string all = loadavg + stat_text + meminfo + vmstat + pressure;
  for (int round = 0; round < 3000; ++round) {
    std::string text = all.substr(random() % all.size());
    for (int change = 0; change < 8; ++change) text[random() % text.size()] = static_cast<char>(random() % 256);
    const std::string_view any = text;
    const ProcReading reading = read_proc({any, any, any, any, any, any, any});
    const GuestSample sample = sample_between(read_proc(texts()), reading, std::chrono::seconds(1));
    CHECK_FALSE(sample.cpu_used < 0);
    CHECK_FALSE(sample.runnable < 0);
    CHECK_FALSE(sample.cpu.some > 1);
    (void)read_cgroup_anonymous(any);
  }
}

TEST_CASE("the anonymous memory of a cgroup") {
  CHECK(read_cgroup_anonymous("anon 5\nfile 6\nactive_anon 100\ninactive_anon 23\n") == Bytes{123});
  CHECK_FALSE(read_cgroup_anonymous("anon 5\n"));
}

TEST_CASE("a reader reads a proc tree, again and again") {
  const TempDir proc;
  proc.write("loadavg", loadavg);
  proc.write("stat", stat_text + std::string(10'000, ' ') + "\nprocs_blocked 9\n");  // longer than the first buffer
  proc.write("meminfo", meminfo);
  proc.write("vmstat", vmstat);
  proc.write("zoneinfo", "Node 0, zone Normal\n  pages free 7\n");
  proc.write("pressure/cpu", pressure);
  proc.write("pressure/io", pressure);
  ProcReader reader(proc.path());
  const Instant start{std::chrono::seconds(100)};
  CHECK(reader.missing() == std::vector<std::string>{proc.path("pressure/memory")});
  const GuestSample first = reader.sample(start);
  CHECK(first.blocked == 9);
  CHECK(first.at == start);
  CHECK_FALSE(is_known(first.memory.some_avg10));
  CHECK(first.cpu.some_avg10 == 0.125);
  const GuestSample second = reader.sample(start + std::chrono::seconds(1));
  CHECK(second.interval == 1);
  CHECK(second.cpu_used == 0);
  // Too soon for rates of its own: it is compared with the one before.
  const GuestSample third = reader.sample(start + std::chrono::milliseconds(1010));
  CHECK(third.interval == Approx(1.01));
}

TEST_CASE("the quick look reads memory only") {
  const TempDir proc;
  proc.write("loadavg", loadavg);
  proc.write("stat", stat_text);
  proc.write("meminfo", meminfo);
  ProcReader reader(proc.path(), Look::memory_only);
  const GuestSample sample = reader.sample(Instant{});
  CHECK(is_known(sample.memory_available));
  CHECK_FALSE(is_known(sample.load1));
  CHECK(sample.online_cpus == 0);
}

TEST_CASE("what the kernel keeps for itself") {
  const std::string zones =
      "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 1118\n  pages free     3840\n        spanned  4095\n"
      "        present  3998\n        managed  3840\n      nr_zone_inactive_anon 0\n"
      "Node 0, zone    DMA32\n        present  126946\n        managed  99465\n"
      "Node 0, zone   Normal\n        present  32768\n        managed  30000\n"
      "Node 0, zone  Movable\n        present  65536\n        managed  1000\n";
  CHECK(read_kernel_share(zones, true) == Bytes{(158 + 27481) * 4 * kib});
  CHECK(read_kernel_share(zones, false) == Bytes{(158 + 27481 + 2768) * 4 * kib});
  for (const char* nothing : {"", "Node", "Node 0, zone", "present 5\nmanaged 3\n", "Node 0, zone DMA\nmanaged 3\n",
                              "Node 0, zone DMA\npresent 99999999999999999999\nmanaged 1\n", "Node 0, zone DMA\npresent 1\nmanaged 2\n"}) {
    INFO(nothing);
    CHECK_FALSE(read_kernel_share(nothing, false));
  }
  CHECK(has_plugged_memory("100000000-17fffffff : virtio0\n  100000000-10fffffff : System RAM (virtio_mem)\n"));
  CHECK(has_plugged_memory("100000000-10fffffff : System RAM (kmem)\n"));
  CHECK_FALSE(has_plugged_memory("00100000-1ffe1fff : System RAM\n  01000000-01ffffff : Kernel code\n"));
}
