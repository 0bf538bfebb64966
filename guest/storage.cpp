#include "guest/storage.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>

#include "guest/file_text.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

// /proc/mounts writes blanks in names as \040.
std::string unescaped(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size();
    if (!escape) {
      name += text[i];
      continue;
    }
    name += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return name;
}

}  // namespace

std::vector<std::string> storage_mounts(std::string_view proc_mounts) {
  std::vector<std::string> points;
  while (!proc_mounts.empty()) {
    std::string_view line = next_line(proc_mounts);
    const std::string_view source = next_word(line);
    const std::string_view point = next_word(line);
    if (source.starts_with("/dev/") && !point.empty()) points.push_back(unescaped(point));
  }
  std::reverse(points.begin(), points.end());
  return points;
}

std::vector<std::string> leave_storage() {
  std::vector<std::string> said;
  const auto mounts = read_text("/proc/mounts");
  if (!mounts) return {mounts.error().message};
  for (const std::string& point : storage_mounts(*mounts)) {
    if (::umount2(point.c_str(), 0) == 0) continue;
    if (::mount("", point.c_str(), "", MS_REMOUNT | MS_RDONLY, "") == 0) continue;
    said.push_back(errno_error(point + " stays mounted", errno).message);
  }
  return said;
}

void freeze_storage() {
  const auto mounts = read_text("/proc/mounts");
  if (!mounts) return;
  for (const std::string& point : storage_mounts(*mounts)) {
    const Fd folder(::open(point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // EBUSY: frozen by another of its mount points. EOPNOTSUPP: a file system that has nothing to be frozen.
    if (folder.valid()) (void)::ioctl(folder.get(), FIFREEZE, 0);
  }
}

}  // namespace neonvm::guest
