// metrics: what Prometheus may know of a PostgreSQL server, by the names of postgres_exporter, and of Neon's local file cache,
// by those that upstream's agent reads (guest.md 4.2).
//
// Private to guest/postgres: called by facts. Blocking, by the session's deadline. Failure: a Result.
#pragma once

#include <string>

#include "core/model/result.hpp"
#include "guest/postgres/facts.hpp"

namespace neonvm::guest::postgres {

// The busiest databases, connections by state, settings.
Status add_server_metrics(Session& session, Facts& facts);
// lfc_hits, lfc_misses, lfc_writes, lfc_used, lfc_cache_size_limit; gauges all, as upstream has them.
Status add_cache_metrics(Session& session, const std::string& schema, Facts& facts);

}  // namespace neonvm::guest::postgres
