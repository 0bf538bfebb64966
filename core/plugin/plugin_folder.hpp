// plugin_folder: which files of a folder may be plugins, and in which order they are looked at.
//
// Called by the catalog. Failure: a folder that is missing or cannot be read has no files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace neonvm::plugin {

// "./mine.so", "/a/b", "mine.so" are paths; "mine" is a name.
bool is_path(const std::string& word);

// Every *.so, sorted; those whose file name tells this kind and name come first.
std::vector<std::filesystem::path> plugin_files(const std::filesystem::path& folder, const std::string& kind,
                                                const std::string& name);

// Of a list like $PATH; empty parts are left out.
std::vector<std::filesystem::path> split_folders(const std::string& list);

}  // namespace neonvm::plugin
