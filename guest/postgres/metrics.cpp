#include "guest/postgres/metrics.hpp"

#include <array>
#include <charconv>

namespace neonvm::guest::postgres {
namespace {

using wire::HookMetric;
using wire::MetricType;

struct Column {
  const char* name;
  MetricType type;
  const char* help;
};
// In the order of the query below.
constexpr std::array<Column, 12> database_columns = {{
    {"pg_stat_database_numbackends", MetricType::gauge, "Backends connected to the database"},
    {"pg_stat_database_xact_commit", MetricType::counter, "Transactions committed"},
    {"pg_stat_database_xact_rollback", MetricType::counter, "Transactions rolled back"},
    {"pg_stat_database_blks_read", MetricType::counter, "Blocks read from outside shared_buffers"},
    {"pg_stat_database_blks_hit", MetricType::counter, "Blocks found in shared_buffers"},
    {"pg_stat_database_tup_returned", MetricType::counter, "Rows read by queries"},
    {"pg_stat_database_tup_fetched", MetricType::counter, "Rows fetched by index scans"},
    {"pg_stat_database_tup_inserted", MetricType::counter, "Rows inserted"},
    {"pg_stat_database_tup_updated", MetricType::counter, "Rows updated"},
    {"pg_stat_database_tup_deleted", MetricType::counter, "Rows deleted"},
    {"pg_stat_database_temp_bytes", MetricType::counter, "Bytes written to temporary files"},
    {"pg_stat_database_deadlocks", MetricType::counter, "Deadlocks"},
}};
// An answer has room for 64 KiB; a server with more databases tells of the busiest.
constexpr const char* statistics_query =
    "select datname, numbackends, xact_commit, xact_rollback, blks_read, blks_hit, tup_returned, tup_fetched, tup_inserted, tup_updated, "
    "tup_deleted, temp_bytes, deadlocks from pg_stat_database where datname is not null order by xact_commit desc limit 16";
constexpr const char* activity_query =
    "select coalesce(state, 'unknown'), count(*) from pg_stat_activity where backend_type = 'client backend' group by 1";

double value_of(const std::optional<std::string>& text) {
  double number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

void add(Facts& facts, const char* name, const char* help, double value) {
  facts.metrics.push_back({name, MetricType::gauge, help, {}, value});
}

}  // namespace

Status add_server_metrics(Session& session, Facts& facts) {
  add(facts, "pg_up", "Whether the server answers", 1);
  add(facts, "pg_settings_shared_buffers_bytes", "shared_buffers", static_cast<double>(facts.shared_buffers.value));
  add(facts, "pg_settings_max_connections", "max_connections", facts.connections);
  if (facts.hot) add(facts, "pg_buffers_hot_ratio", "Share of shared_buffers that is used again and again", *facts.hot);
  const auto states = session.rows(activity_query);
  if (!states) return states.error();
  for (const Row& row : *states) {
    if (row.size() != 2 || !row[0]) continue;
    facts.metrics.push_back({"pg_stat_activity_count", MetricType::gauge, "Client connections by state", {{"state", *row[0]}}, value_of(row[1])});
  }
  const auto databases = session.rows(statistics_query);
  if (!databases) return databases.error();
  bool first = true;
  for (const Row& row : *databases) {
    if (row.size() != database_columns.size() + 1 || !row[0]) continue;
    for (std::size_t i = 0; i < database_columns.size(); ++i) {
      const Column& column = database_columns[i];
      facts.metrics.push_back({column.name, column.type, first ? column.help : "", {{"datname", *row[0]}}, value_of(row[i + 1])});
    }
    first = false;
  }
  return {};
}

Status add_cache_metrics(Session& session, const std::string& schema, Facts& facts) {
  const auto rows = session.rows("select lfc_key, coalesce(lfc_value, 0) from " + schema + ".neon_lfc_stats");
  if (!rows) return rows.error();
  // Upstream's agent wants these three or nothing: a cache that is off has used nothing.
  struct Told {
    const char *key, *name, *help;
  };
  for (const Told& told : {Told{"file_cache_hits", "lfc_hits", "Pages found in the local file cache"},
                           Told{"file_cache_misses", "lfc_misses", "Pages not found in it"},
                           Told{"file_cache_writes", "lfc_writes", "Pages written through it"},
                           Told{"file_cache_used", "lfc_used", "Its chunks of 1 MiB in use"}}) {
    double value = 0;
    for (const Row& row : *rows) {
      if (row.size() == 2 && row[0] == told.key) value = value_of(row[1]);
    }
    add(facts, told.name, told.help, value);
  }
  add(facts, "lfc_cache_size_limit", "neon.file_cache_size_limit, in bytes", static_cast<double>(facts.cache->limit.value));
  return {};
}

}  // namespace neonvm::guest::postgres
