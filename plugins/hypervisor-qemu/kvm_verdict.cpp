#include "plugins/hypervisor-qemu/kvm_verdict.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "plugins/hypervisor-qemu/run_program.hpp"

namespace neonvm::qemu {

namespace {
namespace fs = std::filesystem;
constexpr std::int64_t doubt_seconds = 3600;

fs::path verdict_file() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/') {
    return fs::path(cache) / "neonvm" / "kvm";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return fs::path(home) / ".cache" / "neonvm" / "kvm";
  }
  return {};
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}
}  // namespace

std::string kvm_circumstances(const Settings& settings) {
  const auto binary = find_program(settings.binary);
  struct stat about {};
  const std::string boot = boot_id();
  if (!binary || boot.empty() || ::stat(binary->c_str(), &about) != 0) return "";
  return boot + " " + *binary + " " + std::to_string(about.st_size) + " " + std::to_string(about.st_mtim.tv_sec) + " cpu=" +
         settings.cpu + " machine=" + settings.machine_type;
}

std::optional<Capability> remembered_kvm(const std::string& circumstances, std::int64_t now_seconds) {
  const fs::path path = verdict_file();
  struct stat about {};
  if (circumstances.empty() || path.empty() || ::stat(path.c_str(), &about) != 0 || about.st_uid != ::geteuid()) {
    return std::nullopt;
  }
  std::ifstream file(path);
  std::string of, works;
  Capability verdict{"kvm", false, "", ""};
  if (!std::getline(file, of) || of != circumstances || !std::getline(file, works) ||
      !std::getline(file, verdict.detail) || !std::getline(file, verdict.next_step)) {
    return std::nullopt;
  }
  verdict.works = works == "works";
  const std::int64_t age = now_seconds - about.st_mtim.tv_sec;
  if (!verdict.works && (age < 0 || age > doubt_seconds)) return std::nullopt;
  return verdict;
}

void remember_kvm(const std::string& circumstances, const Capability& verdict) {
  const fs::path path = verdict_file();
  if (circumstances.empty() || path.empty()) return;
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  const fs::path fresh = path.string() + "." + std::to_string(::getpid());
  const std::string detail = verdict.detail.substr(0, verdict.detail.find('\n'));
  {
    std::ofstream file(fresh);
    file << circumstances << '\n' << (verdict.works ? "works" : "fails") << '\n' << detail << '\n' << verdict.next_step << '\n';
    if (!file.flush()) {
      fs::remove(fresh, ignored);
      return;
    }
  }
  fs::rename(fresh, path, ignored);
  if (ignored) fs::remove(fresh, ignored);
}

}  // namespace neonvm::qemu
