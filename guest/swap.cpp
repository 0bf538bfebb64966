#include "guest/swap.hpp"

#include <fcntl.h>
#include <linux/blkpg.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/swap.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/model/guest_plan.hpp"
#include "guest/file_text.hpp"
#include "guest/guest_plan.hpp"
#include "guest/procfs.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

constexpr Duration swap_disk_limit = std::chrono::seconds(10);
constexpr int give_back = 0x10000;   // SWAP_FLAG_DISCARD: what is free is the host's again
constexpr int most_steps = 16;       // a wish needs three; more means that somebody else switches too
constexpr std::size_t header_at = 1024, magic_from_end = 10;

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::string area_device(const std::string& device, std::size_t area) { return device + std::to_string(area + 1); }

// Areas need no table on the disk: the kernel is told, and they are where they always were.
Status tell_areas(const std::string& device) {
  const Fd disk(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!disk.valid()) return errno_error(device, errno);
  for (unsigned area = 0; area < swap_areas; ++area) {
    blkpg_partition part{};
    part.start = static_cast<long long>(area * swap_area_room.value);
    part.length = static_cast<long long>(swap_area_room.value);
    part.pno = static_cast<int>(area) + 1;
    blkpg_ioctl_arg order{BLKPG_ADD_PARTITION, 0, sizeof part, &part};
    if (::ioctl(disk.get(), BLKPG, &order) != 0 && errno != EBUSY) return errno_error(device, errno);
  }
  return {};
}

std::vector<decide::SwapArea> areas_now(const std::string& device) {
  return read_swap_areas(read_text("/proc/swaps").value_or(""), device);
}

Status switch_on(const std::string& device, Bytes size) {
  std::string uuid(16, '\0');
  if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size())) return errno_error("getrandom", errno);
  const std::string header = swap_header(size, page_size(), uuid);
  {
    const Fd area(::open(device.c_str(), O_WRONLY | O_CLOEXEC));
    const bool written = area.valid() && ::pwrite(area.get(), header.data(), header.size(), 0) == static_cast<ssize_t>(header.size());
    if (!written || ::fsync(area.get()) != 0) return errno_error(device, errno);
  }
  // A disk that cannot give anything back says so by EINVAL on some kernels.
  if (::swapon(device.c_str(), give_back) == 0 || (errno == EINVAL && ::swapon(device.c_str(), 0) == 0)) return {};
  return errno_error("swapon " + device, errno);
}

Status take_step(const std::string& device, const decide::SwapStep& step) {
  const std::string area = area_device(device, step.area);
  if (step.on) return switch_on(area, step.size);
  if (::swapoff(area.c_str()) == 0) return {};
  return errno_error("swapoff " + area, errno);
}

Status has_room(const std::vector<decide::SwapArea>& areas, Bytes wish) {
  const auto text = read_text("/proc/meminfo");
  if (!text) return {};
  const std::string refusal = decide::swap_refusal(areas, wish, meminfo_line(*text, "MemAvailable:"), meminfo_line(*text, "MemTotal:"));
  if (refusal.empty()) return {};
  return Error{Code::refused, refusal};
}

}  // namespace

std::vector<decide::SwapArea> read_swap_areas(std::string_view proc_swaps, std::string_view device) {
  std::vector<decide::SwapArea> areas(swap_areas);
  while (!proc_swaps.empty()) {
    std::string_view line = next_line(proc_swaps);
    std::string_view name = next_word(line);
    next_word(line);  // "partition"
    const auto size = whole_number<std::uint64_t>(next_word(line)), used = whole_number<std::uint64_t>(next_word(line));
    if (!name.starts_with(device) || !size || !used) continue;
    name.remove_prefix(device.size());
    const auto number = whole_number<std::size_t>(name);
    if (!number || *number == 0 || *number > areas.size()) continue;
    // The page of the header is not counted there.
    areas[*number - 1] = {round_up(Bytes{*size * kib}, mib), Bytes{*used * kib}};
  }
  return areas;
}

std::string swap_header(Bytes size, std::size_t page, std::string_view uuid) {
  std::string header(page, '\0');
  const auto put = [&header](std::size_t at, std::uint32_t value) { std::memcpy(header.data() + at, &value, sizeof value); };
  put(header_at, 1);                                                          // version
  put(header_at + 4, static_cast<std::uint32_t>(size.value / page - 1));      // the last page
  header.replace(header_at + 12, uuid.size(), uuid);
  constexpr std::string_view magic = "SWAPSPACE2";
  header.replace(page - magic_from_end, magic.size(), magic);
  return header;
}

SwapOutcome change_swap(const std::string& disk, Bytes wish) {
  const auto device = device_of(disk, swap_disk_limit);
  if (!device) return {device.error(), {}};
  if (auto told = tell_areas(*device); !told) return {told, {}};
  auto areas = areas_now(*device);
  const Bytes whole = round_up(wish, mib);
  if (auto room = has_room(areas, whole); !room) return {room, decide::swap_total(areas)};
  for (int steps = 0; steps < most_steps; ++steps) {
    const auto step = decide::next_swap_step(areas, whole);
    if (!step) return {{}, decide::swap_total(areas)};
    const Status taken = take_step(*device, *step);
    areas = areas_now(*device);
    if (!taken) return {taken, decide::swap_total(areas)};
  }
  return {Error{Code::internal, "swap areas are switched by somebody else too"}, decide::swap_total(areas)};
}

Status start_swap(const std::string& disk, Bytes wish) { return change_swap(disk, wish).status; }

}  // namespace neonvm::guest
