#include "plugins/hypervisor-qemu/disks.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "plugins/hypervisor-qemu/named_descriptors.hpp"
#include "plugins/hypervisor-qemu/run_program.hpp"

namespace neonvm::qemu {

namespace {
// First bytes of a qcow2: "QFI\xfb"; byte 24 on: virtual size, big-endian (docs/interop/qcow2.txt).
constexpr std::array<unsigned char, 4> magic{'Q', 'F', 'I', 0xfb};
constexpr std::size_t size_at = 24, header_size = 32;

Error cannot_make(const std::string& path, const std::string& why, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || why.find("No space left") != std::string::npos;
  return Error{full ? Code::out_of_capacity : Code::refused, path + ": cannot make the disk: " + why};
}
}  // namespace

Result<ImageInfo> look_at_image(const std::string& path) {
  struct stat info {};
  std::ifstream file(path, std::ios::binary);
  if (::stat(path.c_str(), &info) != 0 || !file) {
    return Error{errno == EACCES ? Code::permission_denied : Code::not_found,
                 path + ": cannot read the image: " + std::strerror(errno)};
  }
  std::array<unsigned char, header_size> head{};
  file.read(reinterpret_cast<char*>(head.data()), head.size());
  if (file.gcount() != static_cast<std::streamsize>(head.size()) || !std::equal(magic.begin(), magic.end(), head.begin())) {
    return ImageInfo{"raw", Bytes{static_cast<std::uint64_t>(info.st_size)}};
  }
  std::uint64_t size = 0;
  for (std::size_t i = size_at; i < header_size; ++i) size = size << 8 | head[i];
  return ImageInfo{"qcow2", Bytes{size}};
}

Status make_disk(const std::string& qemu_img, const std::string& path, const std::string& backing, Bytes size,
                 Deadline deadline) {
  if (::access(path.c_str(), F_OK) == 0) return Error{Code::already_exists, path + " is there already"};
  if (backing.empty() && size.value == 0) return Error{Code::invalid_argument, path + ": an empty disk needs a size"};
  // qemu-img overwrites what it finds: so it writes under a name of our own, which is given away only if it is free.
  const std::string fresh = path + ".new-" + std::to_string(::getpid());
  std::vector<std::string> argv{qemu_img, "create", "-q", "-f", "qcow2"};
  Bytes wanted = size;
  if (!backing.empty()) {
    auto below = look_at_image(backing);
    if (!below) return below.error();
    argv.insert(argv.end(), {"-b", backing, "-F", below->format});
    wanted = std::max(size, below->size);
  }
  argv.insert(argv.end(), {fresh, std::to_string(round_up(wanted, 512).value)});
  const auto open_file = named_descriptor(backing);
  auto end = run_program(argv, deadline, open_file ? std::vector<int>{*open_file} : std::vector<int>{});
  Status made;
  if (!end) made = end.error().at(path);
  else if (end->status != 0) made = cannot_make(path, end->output.substr(0, end->output.find_last_not_of('\n') + 1), 0);
  else if (::link(fresh.c_str(), path.c_str()) != 0) {
    made = errno == EEXIST ? Error{Code::already_exists, path + " is there already"}
                           : cannot_make(path, std::strerror(errno), errno);
  }
  ::unlink(fresh.c_str());
  return made;
}

}  // namespace neonvm::qemu
