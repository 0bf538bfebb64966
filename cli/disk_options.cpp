#include "cli/disk_options.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>

namespace neonvm::cli {

namespace {

// "NAME=WHAT:/path,word,…", cut; `words` are those at the end that the option knows, so that a path may have commas.
struct Written {
  std::string name, what, path;
  std::vector<std::string> words;
};

Error how_to_write(const char* option, const std::string& text, const std::string& how) {
  return Error{Code::invalid_argument, std::string(option) + ": \"" + text + "\": write " + how};
}

Result<Written> cut(const char* option, const std::string& text, const std::string& how, const std::vector<std::string>& known) {
  const auto colon = text.rfind(":/");
  if (colon == std::string::npos || colon == 0) return how_to_write(option, text, how);
  Written written;
  written.what = text.substr(0, colon);
  written.path = text.substr(colon + 1);
  while (true) {
    const auto comma = written.path.rfind(',');
    if (comma == std::string::npos) break;
    const std::string word = written.path.substr(comma + 1), kind = word.substr(0, word.find('='));
    if (std::find(known.begin(), known.end(), kind) == known.end()) break;
    written.words.push_back(word);
    written.path.resize(comma);
  }
  if (const auto equals = written.what.find('='); equals != std::string::npos) {
    written.name = written.what.substr(0, equals);
    written.what.erase(0, equals + 1);
  }
  if (written.what.empty()) return how_to_write(option, text, how);
  return written;
}

bool has_word(const Written& written, const char* word) {
  return std::find(written.words.begin(), written.words.end(), word) != written.words.end();
}

Result<Disk> read_disk_word(const std::string& text) {
  const std::string how = "NAME=SIZE:/path, perhaps with ,ro ,discard ,quota, or NAME=FILE:/path: data=10Gi:/var/lib/data";
  auto written = cut("--disk", text, how, {"ro", "discard", "quota"});
  if (!written) return written.error();
  if (written->name.empty()) return how_to_write("--disk", text, how);
  Disk disk;
  disk.name = written->name;
  disk.mount_path = written->path;
  disk.read_only = has_word(*written, "ro");
  disk.discard = has_word(*written, "discard");
  disk.quotas = has_word(*written, "quota");
  if (const auto size = parse_bytes(written->what)) {
    disk.size = *size;
    return disk;
  }
  std::error_code failed;
  const auto path = std::filesystem::absolute(written->what, failed);
  if (!std::filesystem::is_regular_file(path, failed)) {
    return Error{Code::invalid_argument, "--disk: \"" + written->what + "\" is neither a size nor a file; write " + how};
  }
  disk.source = DiskSource::image;
  disk.reference = path.string();
  return disk;
}

Result<Disk> read_tmpfs_word(const std::string& text, std::size_t number) {
  const std::string how = "SIZE:/path: 64Mi:/cache";
  auto written = cut("--tmpfs", text, how, {});
  if (!written) return written.error();
  const auto size = parse_bytes(written->what);
  if (!size) return size.error().at("--tmpfs");
  Disk disk;
  disk.source = DiskSource::tmpfs;
  disk.name = written->name.empty() ? "tmpfs" + std::to_string(number) : written->name;
  disk.mount_path = written->path;
  disk.size = *size;
  return disk;
}

Result<std::uint32_t> read_mode(const char* option, const std::string& digits) {
  if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("01234567") != std::string::npos) {
    return Error{Code::invalid_argument, std::string(option) + ": \"mode=" + digits + "\" is no mode; give 0400 to 0777, say"};
  }
  return static_cast<std::uint32_t>(std::stoul(digits, nullptr, 8));
}

Result<Disk> read_files_word(const char* option, DiskSource source, const std::string& text) {
  const std::string how = "[NAME=]SOURCE:/path, perhaps with ,once ,optional ,mode=0644; SOURCE is a stored name, or a file or folder here: db:/run/db";
  auto written = cut(option, text, how, {"once", "optional", "mode"});
  if (!written) return written.error();
  Disk disk;
  disk.source = source;
  disk.mount_path = written->path;
  disk.watch = !has_word(*written, "once");
  disk.optional = has_word(*written, "optional");
  for (const std::string& word : written->words) {
    if (!word.starts_with("mode=")) continue;
    auto mode = read_mode(option, word.substr(5));
    if (!mode) return mode.error();
    disk.default_mode = *mode;
  }
  const bool here = written->what.find('/') != std::string::npos || written->what.starts_with('.');
  std::error_code failed;
  disk.reference = here ? std::filesystem::absolute(written->what, failed).lexically_normal().string() : written->what;
  while (disk.reference.size() > 1 && disk.reference.back() == '/') disk.reference.pop_back();
  disk.name = written->name;
  if (!disk.name.empty()) return disk;
  if (here) return how_to_write(option, text, "NAME= before the path of this host: " + how);
  disk.name = disk.reference;
  return disk;
}

Status add_all(const std::vector<std::string>& texts, VmSpec& spec, const std::function<Result<Disk>(const std::string&)>& read) {
  for (const std::string& text : texts) {
    auto disk = read(text);
    if (!disk) return disk.error();
    spec.disks.push_back(std::move(*disk));
  }
  return {};
}

}  // namespace

Status read_disk_options(const DiskOptions& options, VmSpec& spec) {
  if (auto added = add_all(options.disks, spec, read_disk_word); !added) return added;
  const auto tmpfs = [&spec](const std::string& text) { return read_tmpfs_word(text, spec.disks.size()); };
  if (auto added = add_all(options.tmpfs, spec, tmpfs); !added) return added;
  const auto config = [](const std::string& text) { return read_files_word("--configmap", DiskSource::config_map, text); };
  if (auto added = add_all(options.configmaps, spec, config); !added) return added;
  const auto secret = [](const std::string& text) { return read_files_word("--secret", DiskSource::secret, text); };
  if (auto added = add_all(options.secrets, spec, secret); !added) return added;
  spec.sysctl = options.sysctl;
  if (options.swap.empty()) return {};
  auto swap = parse_bytes(options.swap);
  if (!swap) return swap.error().at("--swap");
  spec.swap = *swap;
  return {};
}

}  // namespace neonvm::cli
