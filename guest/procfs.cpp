#include "guest/procfs.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "guest/memory_zones.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

// `key` up to the colon or blank, `rest` behind it.
struct Line {
  std::string_view key, rest;
};

Line split_line(std::string_view line) {
  std::string_view rest = line;
  std::string_view key = next_word(rest);
  if (!key.empty() && key.back() == ':') key.remove_suffix(1);
  return {key, rest};
}

void read_loadavg(std::string_view text, ProcReading& into) {
  for (double* field : {&into.load1, &into.load5, &into.load15}) {
    *field = decimal_number(next_word(text)).value_or(absent);
  }
}

// user nice system idle iowait irq softirq steal (guest times are already in user; proc(5)).
void read_cpu_times(std::string_view rest, ProcReading& into) {
  std::array<std::uint64_t, 8> times{};
  for (auto& time : times) {
    const auto number = whole_number<std::uint64_t>(next_word(rest));
    if (!number || *number > std::numeric_limits<std::uint64_t>::max() / 16) return;
    time = *number;
  }
  const auto [user, nice, system, idle, iowait, irq, softirq, steal] = times;
  into.busy_ticks = user + nice + system + irq + softirq;
  into.stolen_ticks = steal;
}

double count_of(std::string_view rest) {
  const auto number = whole_number<std::uint32_t>(next_word(rest));
  return number ? static_cast<double>(*number) : absent;
}

void read_stat(std::string_view text, ProcReading& into) {
  while (!text.empty()) {
    const auto [key, rest] = split_line(next_line(text));
    if (key == "cpu") {
      read_cpu_times(rest, into);
    } else if (key.starts_with("cpu") && whole_number<std::uint32_t>(key.substr(3))) {
      ++into.online_cpus;
    } else if (key == "procs_running") {
      const double running = count_of(rest);
      into.runnable = is_known(running) ? std::max(0.0, running - 1) : absent;  // the reader runs while it reads
    } else if (key == "procs_blocked") {
      into.blocked = count_of(rest);
    }
  }
}

Bytes kib_of(std::string_view rest) {
  const auto number = whole_number<std::uint64_t>(next_word(rest));
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() / kib / 2) return unknown;
  return Bytes{*number * kib};
}

void read_meminfo(std::string_view text, ProcReading& into) {
  const std::pair<std::string_view, Bytes*> fields[] = {
      {"MemTotal", &into.total},     {"MemAvailable", &into.available},        {"MemFree", &into.free},
      {"AnonPages", &into.anon},     {"Cached", &into.cached},                 {"Buffers", &into.buffers},
      {"Shmem", &into.shmem},        {"SReclaimable", &into.slab_reclaimable}, {"SUnreclaim", &into.slab_unreclaimable},
      {"SwapTotal", &into.swap_total}, {"SwapFree", &into.swap_free}};
  while (!text.empty()) {
    const auto [key, rest] = split_line(next_line(text));
    for (const auto& [name, field] : fields) {
      if (key == name) *field = kib_of(rest);
    }
  }
}

void add_pages(std::optional<std::uint64_t>& sum, std::uint64_t pages) { sum = sum.value_or(0) + pages; }

void read_vmstat(std::string_view text, ProcReading& into) {
  while (!text.empty()) {
    const auto [key, rest] = split_line(next_line(text));
    std::string_view word = rest;
    const auto number = whole_number<std::uint64_t>(next_word(word));
    if (!number) continue;
    // Before Linux 5.9 there was one counter without a suffix.
    if (key == "workingset_refault_anon" || key == "workingset_refault_file" || key == "workingset_refault") {
      add_pages(into.refaults, *number);
    } else if (key == "pswpin") {
      into.swapped_in = *number;
    } else if (key == "oom_kill") {
      into.oom_kills = *number;
    }
  }
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"
void read_pressure_line(std::string_view rest, double& avg10, std::optional<std::uint64_t>& total) {
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
    if (word.starts_with("avg10=")) {
      const auto percent = decimal_number(word.substr(6));
      avg10 = percent ? std::min(1.0, *percent / 100) : absent;
    } else if (word.starts_with("total=")) {
      total = whole_number<std::uint64_t>(word.substr(6));
    }
  }
}

std::optional<double> grown(const std::optional<std::uint64_t>& before, const std::optional<std::uint64_t>& now) {
  if (!before || !now || *now < *before) return std::nullopt;
  return static_cast<double>(*now - *before);
}

double rate(const std::optional<std::uint64_t>& before, const std::optional<std::uint64_t>& now, double interval) {
  const auto difference = grown(before, now);
  return difference ? *difference / interval : absent;
}

double share(const std::optional<std::uint64_t>& before, const std::optional<std::uint64_t>& now, double interval) {
  const double per_second = rate(before, now, interval * 1e6);
  return is_known(per_second) ? std::min(1.0, per_second) : absent;
}

Pressure pressure_of(const PressureReading& now) { return {absent, absent, now.some_avg10, now.full_avg10}; }

void add_shares(const PressureReading& before, const PressureReading& now, double interval, Pressure& into) {
  into.some = share(before.some_us, now.some_us, interval);
  into.full = share(before.full_us, now.full_us, interval);
}

Bytes file_pages(const ProcReading& now) {
  if (!is_known(now.cached) || !is_known(now.buffers)) return unknown;
  const Bytes shmem = is_known(now.shmem) ? now.shmem : Bytes{0};
  return now.cached + now.buffers - shmem;
}

}  // namespace

PressureReading read_pressure(std::string_view text) {
  PressureReading reading;
  while (!text.empty()) {
    const auto [key, rest] = split_line(next_line(text));
    if (key == "some") read_pressure_line(rest, reading.some_avg10, reading.some_us);
    if (key == "full") read_pressure_line(rest, reading.full_avg10, reading.full_us);
  }
  return reading;
}

Bytes meminfo_line(std::string_view meminfo, std::string_view name) {
  while (!meminfo.empty()) {
    std::string_view line = next_line(meminfo);
    if (next_word(line) == name) return Bytes{whole_number<std::uint64_t>(next_word(line)).value_or(0) * kib};
  }
  return {};
}

ProcReading read_proc(const ProcTexts& texts) {
  ProcReading reading;
  read_loadavg(texts.loadavg, reading);
  read_stat(texts.stat, reading);
  read_meminfo(texts.meminfo, reading);
  read_vmstat(texts.vmstat, reading);
  reading.cpu = read_pressure(texts.cpu_pressure);
  reading.memory = read_pressure(texts.memory_pressure);
  reading.io = read_pressure(texts.io_pressure);
  if (const auto layout = read_memory_layout(texts.zoneinfo, texts.meminfo)) reading.layout = std::make_shared<MemoryLayout>(*layout);
  return reading;
}

GuestSample sample_of(const ProcReading& now) {
  GuestSample sample;
  sample.load1 = now.load1;
  sample.load5 = now.load5;
  sample.load15 = now.load15;
  sample.runnable = now.runnable;
  sample.blocked = now.blocked;
  sample.online_cpus = now.online_cpus;
  sample.cpu = pressure_of(now.cpu);
  sample.memory = pressure_of(now.memory);
  sample.io = pressure_of(now.io);
  sample.memory_total = now.total;
  sample.memory_available = now.available;
  sample.memory_free = now.free;
  sample.memory_anon = now.anon;
  sample.memory_file = file_pages(now);
  sample.memory_cached = is_known(now.cached) && is_known(now.buffers) ? now.cached + now.buffers : unknown;
  sample.memory_shmem = now.shmem;
  sample.slab_reclaimable = now.slab_reclaimable;
  sample.slab_unreclaimable = now.slab_unreclaimable;
  sample.swap_total = now.swap_total;
  sample.swap_free = now.swap_free;
  sample.oom_kills = now.oom_kills;
  sample.layout = now.layout;
  return sample;
}

GuestSample sample_between(const ProcReading& before, const ProcReading& now, Duration elapsed, double ticks) {
  GuestSample sample = sample_of(now);
  const double interval = seconds(elapsed);
  if (!(interval > 0)) return sample;
  sample.interval = interval;
  const double online = static_cast<double>(now.online_cpus);
  const double used = rate(before.busy_ticks, now.busy_ticks, interval * ticks);
  // Ticks are counted per tick, so a short interval can claim more time than there was.
  sample.cpu_used = is_known(used) ? std::min(used, online) : absent;
  sample.cpu_stolen = rate(before.stolen_ticks, now.stolen_ticks, interval * ticks);
  sample.refaults = rate(before.refaults, now.refaults, interval);
  sample.swapped_in = rate(before.swapped_in, now.swapped_in, interval);
  add_shares(before.cpu, now.cpu, interval, sample.cpu);
  add_shares(before.memory, now.memory, interval, sample.memory);
  add_shares(before.io, now.io, interval, sample.io);
  return sample;
}

bool has_plugged_memory(std::string_view iomem) { return iomem.find("System RAM (") != std::string_view::npos; }

std::optional<Bytes> read_kernel_share(std::string_view zoneinfo, bool plugged, std::uint64_t page) {
  std::optional<std::uint64_t> share;
  std::uint64_t present = 0;
  bool counts = false;
  while (!zoneinfo.empty()) {
    std::string_view rest = next_line(zoneinfo);
    const std::string_view key = next_word(rest);
    if (key == "Node") {
      const std::string_view zone = trimmed(rest.substr(std::min(rest.size(), rest.rfind(' ') + 1)));
      counts = zone.starts_with("DMA") || (zone == "Normal" && !plugged);
      present = 0;
    }
    const auto pages = whole_number<std::uint64_t>(next_word(rest));
    if (!counts || !pages || *pages > std::numeric_limits<std::uint64_t>::max() / 2 / page) continue;
    if (key == "present") present = *pages;
    if (key == "managed" && present > *pages) share = share.value_or(0) + (present - *pages) * page;
  }
  return share ? std::optional(Bytes{*share}) : std::nullopt;
}

std::optional<Bytes> read_cgroup_anonymous(std::string_view memory_stat) {
  std::optional<Bytes> sum;
  while (!memory_stat.empty()) {
    const auto [key, rest] = split_line(next_line(memory_stat));
    if (key != "active_anon" && key != "inactive_anon") continue;
    std::string_view word = rest;
    const auto bytes = whole_number<std::uint64_t>(next_word(word));
    if (bytes) sum = sum.value_or(Bytes{0}) + Bytes{*bytes};
  }
  return sum;
}

}  // namespace neonvm::guest
