#include "guest/memory_zones.hpp"

#include <limits>

#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

std::optional<Bytes> times(std::string_view word, std::uint64_t unit) {
  const auto number = whole_number<std::uint64_t>(word);
  if (!number || *number > std::numeric_limits<std::uint64_t>::max() / 16 / unit) return std::nullopt;
  return Bytes{*number * unit};
}

void add(Bytes& sum, Bytes more) { sum = is_known(sum) ? sum + more : more; }

// "  pages free     110439", "        high     374", "      nr_zone_active_anon 807".
void read_zone_line(std::string_view key, std::string_view rest, std::uint64_t page, MemoryZone& zone) {
  if (key == "pages") key = next_word(rest);
  Bytes* field = nullptr;
  if (key == "present") field = &zone.present;
  if (key == "managed") field = &zone.managed;
  if (key == "free") field = &zone.free;
  if (key == "high") field = &zone.high;
  if (key == "nr_zone_inactive_file" || key == "nr_zone_active_file") field = &zone.file;
  if (key == "nr_zone_inactive_anon" || key == "nr_zone_active_anon") field = &zone.anonymous;
  if (key == "nr_zone_unevictable") field = &zone.unevictable;
  if (field == nullptr) return;
  if (const auto bytes = times(next_word(rest), page)) add(*field, *bytes);
}

bool is_kernels(std::string_view zone) { return zone.starts_with("DMA") || zone == "Normal"; }

}  // namespace

std::optional<MemoryLayout> read_memory_layout(std::string_view zoneinfo, std::string_view meminfo, std::uint64_t page) {
  MemoryLayout layout;
  MemoryZone* zone = nullptr;
  bool found = false, counts = false;
  while (!zoneinfo.empty()) {
    std::string_view rest = next_line(zoneinfo);
    const std::string_view key = next_word(rest);
    if (key == "Node") {
      const std::string_view name = trimmed(rest.substr(std::min(rest.size(), rest.rfind(' ') + 1)));
      zone = is_kernels(name) ? &layout.kernel : name == "Movable" ? &layout.movable : nullptr;
      counts = false;
      continue;
    }
    // The statistics of the node stand before those of its first zone, and the lists of each CPU behind a zone's own, with
    // words that also name a zone's.
    if (key == "pages") counts = true;
    if (key == "pagesets") counts = false;
    if (zone == nullptr || !counts) continue;
    found = true;
    read_zone_line(key, rest, page, *zone);
  }
  if (!found) return std::nullopt;
  while (!meminfo.empty()) {
    std::string_view rest = next_line(meminfo);
    const std::string_view key = next_word(rest);
    Bytes* field = key == "KernelStack:" ? &layout.kernel_stacks : key == "Percpu:" ? &layout.per_cpu : nullptr;
    if (key == "PageTables:" || key == "SecPageTables:") field = &layout.page_tables;
    if (field == nullptr) continue;
    if (const auto bytes = times(next_word(rest), kib)) add(*field, *bytes);
  }
  return layout;
}

}  // namespace neonvm::guest
