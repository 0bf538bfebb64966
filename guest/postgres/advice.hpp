// advice: what a PostgreSQL server of that kind should be set to in a VM of that size, how small the VM may become for it, what
// its caches are worth, and what a person should know.
//
// Called by guest/postgres/hook. Pure; Known is what the hook keeps between two of its runs. Threads: values.
//
// Stock PostgreSQL: work_mem, maintenance_work_mem, effective_cache_size and the parallel workers follow the size, by
// PGTune's rules for a mixed workload; shared_buffers and max_connections change with a restart only, so the VM never gets
// too small for them, and what would be better is a notice. Neon's: the local file cache follows by upstream's formula
// (decide/guest_consent). A notice, once made, stays until the server restarts: a VM's size goes up and down.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/resources.hpp"
#include "guest/postgres/facts.hpp"

namespace neonvm::guest::postgres {

struct Known {
  std::int64_t server = 0;                    // its process; another one is another server
  std::uint64_t asked_at = 0;                 // seconds since boot
  Bytes shared_buffers;
  std::uint32_t connections = 100;
  bool neon = false;
  Bytes cache_most;
  std::uint64_t hits = 0, reads = 0;
  std::uint64_t read_at = 0;                  // when blocks were last asked of the page cache in earnest; 0: never
  Bytes largest;                              // the VM, since this server started
  std::uint32_t most_cpus = 0;
  bool was_full = false;                      // nearly all connections were taken once

  friend bool operator==(const Known&, const Known&) = default;
};

std::string encode(const Known& known);       // one line
std::optional<Known> decode_known(std::string_view text);

constexpr std::uint64_t between_questions = 60;   // seconds; what cannot change before a restart is not asked each time
bool is_due(const std::optional<Known>& known, std::int64_t server, std::uint64_t now);

Known learned(const std::optional<Known>& before, const Facts& facts, std::int64_t server, std::uint64_t now);
void has_size(Known& known, const Resources& size);
// Share of the blocks found in the buffers since it was asked before; none: nothing was asked of them.
std::optional<double> hit_ratio(const std::optional<Known>& before, const Facts& facts);

// What memory beside shared_buffers holds worth keeping: Neon's working set of five minutes as far as it is cached, else the
// kernel's page cache that is used again and again, while blocks are asked of it.
Bytes working_set(const Known& known, const Facts& facts, Bytes cached, Bytes active_file, std::uint64_t now);
Bytes floor_of(const Known& known);
std::string settings(const Known& known, const Resources& size);
Bytes cache_limit(const Known& known, Bytes memory);
// `told`: what neonvm.conf says already; empty: it was not there.
std::vector<std::string> notices(const Known& known, const Facts& facts, std::string_view told);

}  // namespace neonvm::guest::postgres
