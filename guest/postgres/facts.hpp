// facts: what a PostgreSQL server says of itself: its limits, what its caches are worth, and metrics for Prometheus.
//
// Called by guest/postgres/hook. Stock PostgreSQL 10 and newer; hits and reads come from pg_stat_io where it is there (16
// and newer), because it tells scans from use, else from pg_stat_database; what is hot in the buffers from the extension
// pg_buffercache, if the database `postgres` has it. With the extension `neon` also its local file cache. Blocking, by the
// session's deadline. Failure: a Result; a part that only newer servers know is absent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/resources.hpp"
#include "core/wire/hook_protocol.hpp"
#include "guest/postgres/session.hpp"

namespace neonvm::guest::postgres {

struct FileCache {
  Bytes most, limit;                        // neon.max_file_cache_size, neon.file_cache_size_limit
  std::vector<double> pages;                // used in the last 1, 2, … 60 minutes, of 8 KiB
};

struct Facts {
  Bytes shared_buffers;
  std::uint32_t connections = 100, workers = 8;   // max_connections, max_worker_processes
  std::uint32_t connected = 0;
  std::string waits_for_restart;            // "max_connections, shared_buffers": changed in the files, not in effect
  bool reads_ours = true;                   // neonvm.conf is among its files
  std::uint64_t hits = 0, reads = 0;        // blocks, since its statistics were reset
  std::optional<double> hot;                // share of the buffers that are used again and again
  std::optional<FileCache> cache;
  std::vector<wire::HookMetric> metrics;
};

Result<Facts> ask(Session& session);

}  // namespace neonvm::guest::postgres
