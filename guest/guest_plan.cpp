#include "guest/guest_plan.hpp"

#include <dirent.h>

#include <chrono>
#include <thread>

#include "core/wire/guest_plan.hpp"
#include "guest/file_text.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* block_devices = "/sys/block";

std::string find_by_serial(const std::string& serial) {
  DIR* entries = ::opendir(block_devices);
  if (entries == nullptr) return "";
  std::string found;
  while (const dirent* entry = ::readdir(entries)) {
    const std::string name = entry->d_name;
    if (!name.starts_with("vd")) continue;  // others have no such file, or another's number in it
    const auto text = read_text(std::string(block_devices) + "/" + name + "/serial");
    if (text && trimmed(*text) == serial) found = "/dev/" + name;
  }
  ::closedir(entries);
  return found;
}

}  // namespace

Result<GuestPlan> read_guest_plan() {
  const auto text = read_text(wire::guest_plan_file);
  if (!text) return text.error();
  auto plan = wire::decode_guest_plan(*text);
  if (!plan) return plan.error().at("the host's plan");
  return plan;
}

std::string files_folder(const std::string& name) { return std::string(files_root) + "/" + name; }

// No udev tells PID 1 when a driver has found its disk.
Result<std::string> device_of(const std::string& serial, Duration limit) {
  const Instant end = std::chrono::steady_clock::now() + limit;
  while (true) {
    std::string device = find_by_serial(serial);
    if (!device.empty()) return device;
    if (std::chrono::steady_clock::now() >= end) return Error{Code::not_found, "disk " + serial + " has not appeared"};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace neonvm::guest
