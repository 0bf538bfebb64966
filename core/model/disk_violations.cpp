#include <algorithm>
#include <set>
#include <string_view>

#include "core/model/object.hpp"
#include "core/model/shown_text.hpp"
#include "core/model/vm.hpp"

namespace neonvm {
namespace {

constexpr std::size_t longest_disk_name = 32, longest_path = 1024, longest_reference = 253;
constexpr std::string_view reserved_disks[] = {"virtualmachineimages", "rootdisk", "runtime", "swapdisk", "sysfscgroup",
                                               "ssh-privatekey", "ssh-publickey", "ssh-authorized-keys", "tls"};
// The kernel's own, and the guest program's.
constexpr std::string_view not_to_cover[] = {"/proc", "/sys", "/dev", "/run/neonvm", "/neonvm"};

class DiskCheck {
 public:
  DiskCheck(std::vector<std::string>& lines, std::size_t index) : lines_(lines), path_("spec.disks[" + std::to_string(index) + "].") {}
  void add(const char* field, const std::string& text) { lines_.push_back(path_ + field + ": " + text); }

 private:
  std::vector<std::string>& lines_;
  std::string path_;
};

std::string in_quotes(std::string text) {
  const std::size_t whole = text.size();
  return "\"" + harmless(std::move(text), whole) + "\"";
}

bool has_control(std::string_view text) { return std::any_of(text.begin(), text.end(), is_control); }

bool is_in(std::string_view path, std::string_view folder) {
  return path == folder || (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}

// A path below the folder that it is given for.
bool is_inner_path(std::string_view path) {
  return !path.empty() && path.front() != '/' && !has_control(path) && plain_path("/" + std::string(path)) == "/" + std::string(path);
}

void check_name_of(DiskCheck& check, const std::string& name) {
  if (name.size() > longest_disk_name) {
    check.add("name", in_quotes(name) + " has " + std::to_string(name.size()) + " characters; give at most 32");
  } else if (!check_name(name).ok()) {
    check.add("name", check_name(name).error().message);
  } else if (std::find(std::begin(reserved_disks), std::end(reserved_disks), name) != std::end(reserved_disks)) {
    check.add("name", in_quotes(name) + " is reserved; give another name");
  }
}

void check_mount_path(DiskCheck& check, const Disk& disk) {
  const std::string shown = in_quotes(disk.mount_path), plain = plain_path(disk.mount_path);
  if (disk.mount_path.empty() || disk.mount_path.front() != '/') return check.add("mountPath", shown + " is not absolute; begin it with '/'");
  if (has_control(disk.mount_path)) return check.add("mountPath", shown + " has a control character; give a path without");
  if (plain.empty()) return check.add("mountPath", shown + " has \"..\" in it; name the place itself");
  if (disk.mount_path.size() > longest_path) return check.add("mountPath", "is longer than 1024 characters; give a shorter one");
  if (plain == "/") return check.add("mountPath", "\"/\" is the root disk's; name a folder in it");
  if (plain == "/dev/shm" && disk.source == DiskSource::tmpfs) return;
  for (const std::string_view taken : not_to_cover) {
    if (is_in(plain, taken)) return check.add("mountPath", shown + " is in " + std::string(taken) + ", which the guest needs; name another folder");
  }
}

void check_reference(DiskCheck& check, const char* field, const std::string& reference, const char* what) {
  if (reference.empty()) return check.add(field, std::string("is empty; name a ") + what);
  if (reference.front() == '/') {
    if (plain_path(reference).empty() || has_control(reference)) {
      check.add(field, in_quotes(reference) + " has \"..\" or a control character; name the file or folder itself");
    }
    return;
  }
  const bool named = reference.size() <= longest_reference && reference.front() != '.' && reference.find("..") == std::string::npos &&
                     std::all_of(reference.begin(), reference.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
                     });
  if (!named) check.add(field, in_quotes(reference) + " is no name; use a to z, 0 to 9, '-' and '.', or an absolute path of the host");
}

void check_files(DiskCheck& check, const Disk& disk, const std::string& source) {
  const auto in_range = [](const std::optional<std::uint32_t>& mode) { return !mode || *mode <= 0777; };
  if (!in_range(disk.default_mode)) check.add((source + ".defaultMode").c_str(), "is no mode; give 0 to 511 (0777)");
  std::set<std::string> paths;
  for (const FileItem& item : disk.items) {
    if (item.key.empty()) check.add((source + ".items").c_str(), "one has no key; name the file that it takes");
    if (!is_inner_path(item.path) || item.path.starts_with("..")) {
      check.add((source + ".items").c_str(), in_quotes(item.path) + " is no path below the folder; give one without \"..\" and without '/' before it");
    }
    if (!in_range(item.mode)) check.add((source + ".items").c_str(), "the mode of " + in_quotes(item.key) + " is none; give 0 to 511 (0777)");
    if (!paths.insert(item.path).second) check.add((source + ".items").c_str(), in_quotes(item.path) + " is there twice; keep one");
  }
}

void check_source(DiskCheck& check, const Disk& disk) {
  switch (disk.source) {
    case DiskSource::empty:
      if (disk.size.value == 0) check.add("emptyDisk.size", "0 is no size; give 1Gi, say");
      if (disk.size.value != 0 && disk.size < Bytes{16 * mib}) {
        check.add("emptyDisk.size", to_string(disk.size) + " is too small for a file system; give 16Mi or more");
      }
      return;
    case DiskSource::tmpfs:
      if (disk.size.value == 0) check.add("tmpfs.size", "0 is no size; give 64Mi, say");
      return;
    case DiskSource::config_map:
      check_reference(check, "configMap.name", disk.reference, "ConfigMap");
      return check_files(check, disk, "configMap");
    case DiskSource::secret:
      check_reference(check, "secret.secretName", disk.reference, "Secret");
      return check_files(check, disk, "secret");
    case DiskSource::image:
      if (disk.reference.empty()) check.add("image.path", "is empty; give the image's path");
      return;
  }
}

}  // namespace

std::string plain_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return "";
  std::string plain;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part == "..") return "";
    if (!part.empty() && part != ".") plain += "/" + std::string(part);
  }
  return plain.empty() ? "/" : plain;
}

std::vector<std::string> disk_violations(const std::vector<Disk>& disks) {
  std::vector<std::string> lines;
  std::set<std::string> names, places;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const Disk& disk = disks[i];
    DiskCheck check(lines, i);
    check_name_of(check, disk.name);
    if (!names.insert(disk.name).second) check.add("name", in_quotes(disk.name) + " is there twice; rename one");
    check_mount_path(check, disk);
    const std::string place = plain_path(disk.mount_path);
    if (!place.empty() && !places.insert(place).second) {
      check.add("mountPath", in_quotes(disk.mount_path) + " is another disk's too; give each a place of its own");
    }
    check_source(check, disk);
  }
  return lines;
}

}  // namespace neonvm
