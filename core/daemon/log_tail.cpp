#include "core/daemon/log_tail.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace neonvm::daemon {

off_t tail_begin(int fd, off_t size, std::int64_t lines) {
  if (lines < 0) return 0;
  std::array<char, 4096> block;
  std::int64_t seen = 0;
  for (off_t end = size; end > 0;) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(block.size()));
    const ssize_t n = pread(fd, block.data(), static_cast<std::size_t>(end - begin), begin);
    if (n <= 0) return 0;
    for (ssize_t i = n - 1; i >= 0; --i) {
      if (block[static_cast<std::size_t>(i)] != '\n' || begin + i == size - 1) continue;
      if (++seen >= lines) return begin + i + 1;
    }
    end = begin;
  }
  return 0;
}

}  // namespace neonvm::daemon
