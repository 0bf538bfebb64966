#include "guest/postgres/advice.hpp"

#include <algorithm>
#include <array>

#include "core/decide/guest_consent.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest::postgres {
namespace {

constexpr std::uint64_t block = 8192;
constexpr std::uint64_t reading = mib;              // bytes a second asked of the page cache, from which on it matters
constexpr std::uint64_t remembered = 300;           // seconds for which it goes on to matter
constexpr double hot_enough = 0.25;                 // less of the buffers hot, and what is read is scanned once

std::string setting(const char* name, std::uint64_t value, const char* unit = "") {
  return std::string(name) + " = " + std::to_string(value) + unit + "\n";
}

std::uint64_t in_mib(Bytes bytes) { return bytes.value / mib; }

bool reads_much(const Known& before, const Facts& facts, std::uint64_t now) {
  if (now <= before.asked_at || facts.reads < before.reads) return false;
  return (facts.reads - before.reads) * block / (now - before.asked_at) > reading && facts.hot.value_or(1) >= hot_enough;
}

}  // namespace

std::string encode(const Known& k) {
  std::string line;
  for (const std::uint64_t number :
       {static_cast<std::uint64_t>(k.server), k.asked_at, k.shared_buffers.value, std::uint64_t{k.connections}, std::uint64_t{k.neon},
        k.cache_most.value, k.hits, k.reads, k.read_at, k.largest.value, std::uint64_t{k.most_cpus}, std::uint64_t{k.was_full}}) {
    line += std::to_string(number) + ' ';
  }
  return line + "end\n";
}

std::optional<Known> decode_known(std::string_view text) {
  std::array<std::uint64_t, 12> numbers{};
  for (std::uint64_t& number : numbers) {
    const auto read = whole_number<std::uint64_t>(next_word(text));
    if (!read) return std::nullopt;
    number = *read;
  }
  if (next_word(text) != "end") return std::nullopt;
  Known k;
  k.server = static_cast<std::int64_t>(numbers[0]);
  k.asked_at = numbers[1];
  k.shared_buffers = Bytes{numbers[2]};
  k.connections = static_cast<std::uint32_t>(numbers[3]);
  k.neon = numbers[4] != 0;
  k.cache_most = Bytes{numbers[5]};
  k.hits = numbers[6];
  k.reads = numbers[7];
  k.read_at = numbers[8];
  k.largest = Bytes{numbers[9]};
  k.most_cpus = static_cast<std::uint32_t>(numbers[10]);
  k.was_full = numbers[11] != 0;
  return k;
}

// Neon's windows slide on, and upstream's agent reads them four times a minute.
bool is_due(const std::optional<Known>& known, std::int64_t server, std::uint64_t now) {
  return !known || known->server != server || known->neon || now >= known->asked_at + between_questions;
}

Known learned(const std::optional<Known>& before, const Facts& facts, std::int64_t server, std::uint64_t now) {
  const bool same = before && before->server == server;
  Known known = same ? *before : Known{};
  if (same && reads_much(*before, facts, now)) known.read_at = now;
  known.server = server;
  known.asked_at = now;
  known.shared_buffers = facts.shared_buffers;
  known.connections = std::max(facts.connections, 1U);
  known.neon = facts.cache.has_value();
  known.cache_most = facts.cache ? facts.cache->most : Bytes{};
  known.hits = facts.hits;
  known.reads = facts.reads;
  known.was_full = known.was_full || facts.connected * 10 >= known.connections * 9;
  return known;
}

void has_size(Known& known, const Resources& size) {
  known.largest = std::max(known.largest, size.memory);
  known.most_cpus = std::max(known.most_cpus, size.cpu.whole_cpus());
}

std::optional<double> hit_ratio(const std::optional<Known>& before, const Facts& facts) {
  if (!before || facts.hits < before->hits || facts.reads < before->reads) return std::nullopt;
  const double hits = static_cast<double>(facts.hits - before->hits), reads = static_cast<double>(facts.reads - before->reads);
  if (hits + reads <= 0) return std::nullopt;
  return hits / (hits + reads);
}

Bytes working_set(const Known& known, const Facts& facts, Bytes cached, Bytes active_file, std::uint64_t now) {
  if (facts.cache) {
    const std::vector<double>& pages = facts.cache->pages;
    const double five_minutes = pages.empty() ? 0 : pages[std::min<std::size_t>(4, pages.size() - 1)];
    return std::min(Bytes{static_cast<std::uint64_t>(std::max(five_minutes, 0.0)) * block}, cached);
  }
  return known.read_at != 0 && now < known.read_at + remembered ? active_file : Bytes{0};
}

// What it cannot give back: its buffers, and what a server with that many connections takes when they are idle.
Bytes floor_of(const Known& known) { return known.shared_buffers + Bytes{(128 + known.connections / 2) * mib}; }

Bytes cache_limit(const Known& known, Bytes memory) {
  return std::min(decide::file_cache_size(decide::usable_memory(memory)), round_down(known.cache_most, mib));
}

std::string settings(const Known& known, const Resources& size) {
  const std::uint64_t memory = in_mib(size.memory), cpus = std::max<std::uint64_t>(size.cpu.whole_cpus(), 1);
  const std::uint64_t rest = in_mib(size.memory - known.shared_buffers);
  const auto megabytes = [](std::uint64_t value, std::uint64_t least, std::uint64_t most) { return std::clamp(value, least, most); };
  std::string text = "# Written by neonvm for " + std::to_string(memory) + " MiB and " + std::to_string(cpus) +
                     " CPUs; what postgresql.conf says after it was included wins.\n";
  text += setting("work_mem", megabytes(rest / (std::uint64_t{3} * known.connections), 4, 1024), "MB");
  text += setting("maintenance_work_mem", megabytes(memory / 16, 64, 2048), "MB");
  text += setting("effective_cache_size", memory * 3 / 4, "MB");
  text += setting("max_parallel_workers", cpus);
  text += setting("max_parallel_workers_per_gather", megabytes(cpus / 2, 1, 8));
  text += setting("max_parallel_maintenance_workers", megabytes(cpus / 2, 1, 4));
  if (known.neon) text += setting("neon.file_cache_size_limit", in_mib(cache_limit(known, size.memory)), "MB");
  return text;
}

std::vector<std::string> notices(const Known& known, const Facts& facts, std::string_view told) {
  std::vector<std::string> all;
  const std::string restart = "; only a restart of PostgreSQL changes it";
  if (known.shared_buffers.value * 8 < known.largest.value) {
    all.push_back("shared_buffers is " + std::to_string(in_mib(known.shared_buffers)) + "MB, less than an eighth of what this VM has had" + restart);
  }
  if (facts.workers < known.most_cpus) {
    all.push_back("max_worker_processes is " + std::to_string(facts.workers) + ", fewer than the CPUs that this VM has had" + restart);
  }
  if (known.was_full) {
    all.push_back("max_connections is " + std::to_string(known.connections) + ", and nearly all were taken" + restart);
  }
  if (!facts.waits_for_restart.empty()) all.push_back("changed, but waiting for a restart of PostgreSQL: " + facts.waits_for_restart);
  if (told.empty()) return all;
  if (!facts.reads_ours) {
    all.emplace_back("postgresql.conf does not include neonvm.conf, so no setting follows the size: add include_if_exists = 'neonvm.conf'");
  } else if (facts.cache) {
    // Said by neonvm.conf, and yet not so: the file is not the last word.
    const std::string ours = setting("neon.file_cache_size_limit", in_mib(facts.cache->limit), "MB");
    if (told.find("neon.file_cache_size_limit = ") != std::string_view::npos && told.find(ours) == std::string_view::npos) {
      all.emplace_back("neon.file_cache_size_limit is set after neonvm.conf (ALTER SYSTEM?), so the local file cache does not follow the size");
    }
  }
  return all;
}

}  // namespace neonvm::guest::postgres
