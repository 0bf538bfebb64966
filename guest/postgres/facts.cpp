#include "guest/postgres/facts.hpp"

#include "guest/postgres/metrics.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest::postgres {
namespace {

// What the other queries depend on. Names of schemas come quoted.
constexpr const char* settings_query =
    "select pg_size_bytes(current_setting('shared_buffers')), current_setting('max_connections'), current_setting('max_worker_processes'), "
    "(select count(*) from pg_stat_activity where backend_type = 'client backend'), "
    "(select string_agg(name, ', ' order by name) from pg_settings where pending_restart), "
    "(select count(*) from pg_file_settings where sourcefile like '%/neonvm.conf'), "
    "(select string_agg(e.extname || ' ' || quote_ident(n.nspname), ',') from pg_extension e join pg_namespace n on n.oid = e.extnamespace "
    "where e.extname in ('neon', 'pg_buffercache')), "
    "to_regclass('pg_stat_io') is not null, current_setting('server_version_num')";

// A scan that goes past the buffers (context bulkread, vacuum) wants no memory.
constexpr const char* io_query =
    "select coalesce(sum(hits), 0), coalesce(sum(reads), 0) from pg_stat_io where object = 'relation' and context = 'normal' "
    "and backend_type in ('client backend', 'background worker')";
constexpr const char* database_query = "select coalesce(sum(blks_hit), 0), coalesce(sum(blks_read), 0) from pg_stat_database";

// Usage counts go from 0 to 5: a clock hand takes one each time it comes by, a use adds one.
constexpr std::uint64_t most_buffers_looked_at = 16 * gib;

template <typename Number>
Number number(const Row& row, std::size_t at) {
  return at < row.size() && row[at] ? whole_number<Number>(*row[at]).value_or(Number{}) : Number{};
}

std::string text(const Row& row, std::size_t at) { return at < row.size() ? row[at].value_or("") : ""; }

// "neon neon,pg_buffercache public"
std::string schema_of(const std::string& extensions, const std::string& name) {
  const std::string wanted = name + " ";
  std::size_t at = 0;
  while (at < extensions.size()) {
    // A quoted name may have a comma in it: then it is not found, and its part is absent.
    const std::size_t end = std::min(extensions.find(',', at), extensions.size());
    if (extensions.compare(at, wanted.size(), wanted) == 0) return extensions.substr(at + wanted.size(), end - at - wanted.size());
    at = end + 1;
  }
  return "";
}

std::optional<double> hot_share(Session& session, const std::string& schema, Bytes buffers, int version) {
  if (schema.empty() || buffers.value > most_buffers_looked_at) return std::nullopt;
  const std::string sql = version >= 160000
      ? "select sum(buffers) filter (where usage_count >= 3), sum(buffers) from " + schema + ".pg_buffercache_usage_counts()"
      : "select count(*) filter (where usagecount >= 3), count(*) from " + schema + ".pg_buffercache";
  const auto rows = session.rows(sql);
  if (!rows || rows->empty() || number<std::uint64_t>((*rows)[0], 1) == 0) return std::nullopt;
  return static_cast<double>(number<std::uint64_t>((*rows)[0], 0)) / static_cast<double>(number<std::uint64_t>((*rows)[0], 1));
}

Result<FileCache> file_cache(Session& session, const std::string& schema) {
  const auto sizes = session.rows(
      "select pg_size_bytes(current_setting('neon.max_file_cache_size')), pg_size_bytes(current_setting('neon.file_cache_size_limit'))");
  if (!sizes) return sizes.error();
  FileCache cache;
  if (!sizes->empty()) {
    cache.most = Bytes{number<std::uint64_t>((*sizes)[0], 0)};
    cache.limit = Bytes{number<std::uint64_t>((*sizes)[0], 1)};
  }
  const auto pages = session.rows("select coalesce(" + schema + ".approximate_working_set_size_seconds(60 * i), 0)::bigint "
                                  "from generate_series(1, 60) i order by i");
  if (!pages) return pages.error();
  for (const Row& row : *pages) cache.pages.push_back(static_cast<double>(number<std::uint64_t>(row, 0)));
  return cache;
}

Status ask_caches(Session& session, const Row& row, Facts& facts) {
  const auto used = session.rows(text(row, 7) == "t" ? io_query : database_query);
  if (!used) return used.error();
  if (!used->empty()) {
    facts.hits = number<std::uint64_t>((*used)[0], 0);
    facts.reads = number<std::uint64_t>((*used)[0], 1);
  }
  const std::string extensions = text(row, 6);
  facts.hot = hot_share(session, schema_of(extensions, "pg_buffercache"), facts.shared_buffers, number<int>(row, 8));
  if (const std::string neon = schema_of(extensions, "neon"); !neon.empty()) {
    auto cache = file_cache(session, neon);
    if (!cache) return cache.error();
    facts.cache = std::move(*cache);
    return add_cache_metrics(session, neon, facts);
  }
  return {};
}

}  // namespace

Result<Facts> ask(Session& session) {
  const auto rows = session.rows(settings_query);
  if (!rows) return rows.error();
  if (rows->empty()) return Error{Code::internal, "no answer to a question about its settings"};
  const Row& row = rows->front();
  Facts facts;
  facts.shared_buffers = Bytes{number<std::uint64_t>(row, 0)};
  facts.connections = number<std::uint32_t>(row, 1);
  facts.workers = number<std::uint32_t>(row, 2);
  facts.connected = number<std::uint32_t>(row, 3);
  facts.waits_for_restart = text(row, 4);
  facts.reads_ours = text(row, 5) != "0";
  if (const Status asked = ask_caches(session, row, facts); !asked) return asked.error();
  if (const Status asked = add_server_metrics(session, facts); !asked) return asked.error();
  return facts;
}

}  // namespace neonvm::guest::postgres
