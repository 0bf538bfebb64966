#include "guest/init/modules.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "guest/file_text.hpp"
#include "guest/init/say.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {

std::vector<std::string> module_list(std::string_view text) {
  std::vector<std::string> paths;
  while (!text.empty()) {
    const std::string_view line = trimmed(next_line(text));
    if (!line.empty() && line.front() != '#') paths.emplace_back(line);
  }
  return paths;
}

std::size_t load_modules(const std::string& list_path) {
  const auto list = read_text(list_path);
  if (!list) return 0;  // a kernel with everything built in has no list
  std::size_t loaded = 0;
  for (const std::string& path : module_list(*list)) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) {
      say(errno_error(path, errno).message);
    } else if (::syscall(SYS_finit_module, file.get(), "", 0) == 0) {
      ++loaded;
    } else if (errno != EEXIST) {
      say(errno_error(path, errno).message);
    }
  }
  return loaded;
}

}  // namespace neonvm::guest
