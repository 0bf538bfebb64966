#include "plugins/orchestrator-k8s/lease_book.hpp"

#include <algorithm>

#include "core/wire/wall_time.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {
namespace {

// leaseDurationSeconds knows only whole seconds; other software reads that, ours the exact one.
constexpr const char* exact_annotation = "neonvm.dev/lease-milliseconds";

// MicroTime has six digits, always.
std::string micro_time(WallTime time) {
  const std::int64_t ms = time.time_since_epoch().count() % 1000;
  std::string whole = wire::rfc3339(time - std::chrono::milliseconds(ms));
  whole.pop_back();
  std::string digits = std::to_string(1000 + ms).substr(1);
  return whole + "." + digits + "000Z";
}

}  // namespace

bool LeaseBook::may_take(const std::string& name, const LeaseRecord& seen, const std::string& holder, Instant now) {
  Seen& before = seen_[name];
  if (before.version != seen.version) before = {seen.version, now};
  if (seen.version.empty() || seen.holder.empty() || seen.holder == holder) return true;
  return now - before.at > seen.lasts;
}

std::optional<LeaseRecord> LeaseBook::take_written(const std::string& name, const std::string& holder) {
  const auto written = written_.extract(name);
  return !written.empty() && written.mapped().holder == holder ? std::optional(written.mapped()) : std::nullopt;
}

Result<LeaseRecord> decode_lease(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  LeaseRecord record;
  if (json.is_object()) record.version = text_at(json, "/metadata/resourceVersion");
  if (record.version.empty()) return Error{Code::data_loss, "the Lease that is stored cannot be read"};
  record.holder = text_at(json, "/spec/holderIdentity");
  record.transitions = number_at(json, "/spec/leaseTransitions");
  record.acquired = text_at(json, "/spec/acquireTime");
  const std::int64_t whole = std::clamp<std::int64_t>(number_at(json, "/spec/leaseDurationSeconds"), 0, 1'000'000);
  record.lasts = std::chrono::seconds(whole);
  const std::string exact = text_at(json, "/metadata/annotations/neonvm.dev~1lease-milliseconds");
  const std::int64_t ms = std::strtoll(exact.c_str(), nullptr, 10);
  // Only if it says the same, more exactly: another program may have renewed it, with its own length.
  if (ms > 0 && (ms + 999) / 1000 == whole) record.lasts = std::chrono::milliseconds(ms);
  return record;
}

std::string encode_lease(const LeaseRecord& before, const std::string& ns, const std::string& name,
                         const std::string& holder, Duration ttl, WallTime now) {
  const std::int64_t ms = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(ttl).count());
  Json metadata = {{"name", name}, {"namespace", ns}, {"annotations", {{exact_annotation, std::to_string(ms)}}}};
  if (!before.version.empty()) metadata["resourceVersion"] = before.version;
  const bool same = before.holder == holder && !before.acquired.empty();
  Json spec = {{"holderIdentity", holder},
               {"leaseDurationSeconds", (ms + 999) / 1000},
               {"renewTime", micro_time(now)},
               {"acquireTime", same ? before.acquired : micro_time(now)},
               {"leaseTransitions", before.transitions + (before.version.empty() || same || holder.empty() ? 0 : 1)}};
  return dump({{"apiVersion", "coordination.k8s.io/v1"}, {"kind", "Lease"}, {"metadata", metadata}, {"spec", spec}});
}

}  // namespace neonvm::k8s
