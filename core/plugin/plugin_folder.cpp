#include "core/plugin/plugin_folder.hpp"

#include <algorithm>

namespace neonvm::plugin {

namespace fs = std::filesystem;

bool is_path(const std::string& word) { return word.find('/') != std::string::npos || word.ends_with(".so"); }

std::vector<fs::path> plugin_files(const fs::path& folder, const std::string& kind, const std::string& name) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
    if (entry->path().extension() == ".so") files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  std::stable_partition(files.begin(), files.end(), [&](const fs::path& file) {
    const std::string stem = file.stem().string();
    return stem == kind + "-" + name || stem == name;
  });
  return files;
}

std::vector<fs::path> split_folders(const std::string& list) {
  std::vector<fs::path> folders;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) folders.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return folders;
}

}  // namespace neonvm::plugin
