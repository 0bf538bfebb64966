// neonvm secret, neonvm configmap: files for VMs, kept at the desk; what runs with them follows each change.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/file_store.hpp"
#include "cli/output.hpp"

namespace neonvm::cli {

namespace {

struct FilesOptions {
  std::string action = "list";
  std::vector<std::string> words;
};

const char* word_for(FileKind kind) { return kind == FileKind::secret ? "secret" : "configmap"; }

Result<std::string> whole_file(const std::string& path) {
  const int fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{Code::not_found, path + ": " + std::strerror(errno)};
  std::string text;
  char buffer[65536];
  ssize_t got = 0;
  while ((got = ::read(fd, buffer, sizeof buffer)) > 0 && text.size() <= wire::most_bundle_bytes) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  const int wrong = errno;
  if (fd != STDIN_FILENO) ::close(fd);
  if (got < 0) return Error{Code::invalid_argument, path + ": " + std::strerror(wrong)};
  return text;
}

// "FILE", "KEY=FILE", or a folder whose files are taken, not those of folders in it.
Status add_word(const std::string& word, wire::FileBundle& bundle) {
  const auto equals = word.find('=');
  const std::string path = equals == std::string::npos ? word : word.substr(equals + 1);
  std::error_code failed;
  if (equals == std::string::npos && std::filesystem::is_directory(path, failed)) {
    for (const auto& entry : std::filesystem::directory_iterator(path, failed)) {
      if (!entry.is_regular_file(failed)) continue;
      auto text = whole_file(entry.path().string());
      if (!text) return text.error();
      bundle.push_back({entry.path().filename().string(), 0400, std::move(*text)});
    }
    return {};
  }
  const std::string key = equals == std::string::npos ? std::filesystem::path(path).filename().string() : word.substr(0, equals);
  if (key.empty() || key == "-" || key.find('/') != std::string::npos) {
    return Error{Code::invalid_argument, "\"" + word + "\": write KEY=FILE, FILE, or FOLDER; a key has no '/'"};
  }
  auto text = whole_file(path);
  if (!text) return text.error();
  bundle.push_back({key, 0400, std::move(*text)});
  return {};
}

Result<int> set_files(const FileStore& store, FileKind kind, const std::vector<std::string>& words) {
  if (words.size() < 2) return Error{Code::invalid_argument, std::string("write: neonvm ") + word_for(kind) + " set NAME [KEY=]FILE …"};
  wire::FileBundle bundle;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (auto added = add_word(words[i], bundle); !added) return added.error();
  }
  auto done = store.put(words.front(), bundle);
  if (!done) return done.error();
  std::cout << word_for(kind) << " " << words.front() << " " << *done << "\n";
  return 0;
}

Result<int> list_files(const FileStore& store) {
  auto all = store.list();
  if (!all) return all.error();
  Table table({"NAME", "SIZE", "KEYS"});
  for (const StoredFiles& files : *all) {
    std::string keys;
    for (const std::string& key : files.keys) keys += (keys.empty() ? "" : ", ") + key;
    table.row({files.name, human(Bytes{files.bytes}), keys});
  }
  table.print();
  return 0;
}

Result<int> files_action(Context& context, FileKind kind, const FilesOptions& options) {
  auto config = context.config();
  if (!config) return config.error();
  if (context.remote_control_plane()) {
    return Error{Code::unsupported, std::string("a cluster keeps its own; see: kubectl create ") + word_for(kind)};
  }
  const FileStore store(**config, kind);
  if (options.action == "set") return set_files(store, kind, options.words);
  if (options.action == "list" && options.words.empty()) return list_files(store);
  if (options.action == "delete" && options.words.size() == 1) {
    if (auto removed = store.remove(options.words.front()); !removed) return removed.error();
    std::cout << word_for(kind) << " " << options.words.front() << " deleted; VMs that run with it keep what they have\n";
    return 0;
  }
  return Error{Code::invalid_argument, std::string("write: neonvm ") + word_for(kind) + " set NAME [KEY=]FILE …, list, or delete NAME"};
}

Command files_command(FileKind kind, const std::string& summary) {
  return {word_for(kind), "VMs", summary, [kind](Options& o) {
            auto options = std::make_shared<FilesOptions>();
            o.positional("action", options->action, "set|list|delete", "set, list or delete");
            o.rest("words", options->words, "Its name; of set also files: FILE, KEY=FILE (- is standard input) or a folder");
            o.example(std::string("neonvm ") + word_for(kind) + " set db password=./password.txt");
            return [options, kind](Context& context) { return files_action(context, kind, *options); };
          }};
}

}  // namespace

Command secret_command() { return files_command(FileKind::secret, "Keep secret files for VMs: set, list, delete"); }
Command configmap_command() { return files_command(FileKind::config_map, "Keep configuration files for VMs: set, list, delete"); }

}  // namespace neonvm::cli
