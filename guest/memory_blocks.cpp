#include "guest/memory_blocks.hpp"

#include <filesystem>

#include "guest/file_text.hpp"
#include "guest/text_fields.hpp"
#include "guest/uevents.hpp"

namespace neonvm::guest {

Status MemoryBlocks::switch_on(std::uint32_t block) const {
  const std::string path = root_ + "/memory" + std::to_string(block) + "/state";
  const auto state = read_text(path);
  if (!state) return state.error();
  if (trimmed(*state) != "offline") return {};
  const auto movable = write_text(path, "online_movable");
  // A zone can be refused (EINVAL) when a neighbour belongs to another one: better not movable than not there.
  return movable ? movable : write_text(path, "online");
}

std::vector<Error> MemoryBlocks::switch_all_on() const {
  std::vector<Error> refused;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(root_, failed), end; !failed && entry != end; entry.increment(failed)) {
    const auto block = device_number(entry->path().string(), "memory");
    if (!block) continue;
    if (const auto status = switch_on(*block); !status) refused.push_back(status.error());
  }
  return refused;
}

}  // namespace neonvm::guest
