#include "core/simulate/track_points.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace neonvm::simulate {

Spool::~Spool() {
  for (void* at : windows_) munmap(at, window);
  if (file_ >= 0) close(file_);
}

Status Spool::open() {
  const char* folder = std::getenv("TMPDIR");
  folder_ = folder != nullptr && *folder != '\0' ? folder : "/var/tmp";
  std::string name = folder_ + "/neonvm-trace-XXXXXX";
  file_ = mkostemp(name.data(), O_CLOEXEC);
  if (file_ < 0) {
    return Error{Code::unavailable, "no file for the trace can be made in " + folder_ + ": " + std::strerror(errno) +
                                        "; set TMPDIR to a folder that has room"};
  }
  unlink(name.c_str());
  return {};
}

// Allocated, not only sized: a full disk is to be said here, not by a signal at the first write.
Status Spool::grow() {
  if (file_ < 0) {
    if (Status opened = open(); !opened) return opened;
  }
  const auto end = static_cast<off_t>(windows_.size() * window);
  const int full = posix_fallocate(file_, end, static_cast<off_t>(window));
  void* at = full != 0 ? MAP_FAILED : mmap(nullptr, window, PROT_READ | PROT_WRITE, MAP_SHARED, file_, end);
  if (at == MAP_FAILED) {
    return Error{Code::unavailable, "the trace is too long for " + folder_ + ": " + std::strerror(full != 0 ? full : errno) +
                                        "; set TMPDIR to a folder that has room"};
  }
  windows_.push_back(at);
  used_ = 0;
  return {};
}

Result<TracePoint*> Spool::another() {
  constexpr std::size_t size = block * sizeof(TracePoint);
  if (windows_.empty() || used_ + size > window) {
    if (Status grown = grow(); !grown) return grown.error();
  }
  void* at = static_cast<char*>(windows_.back()) + used_;
  used_ += size;
  return static_cast<TracePoint*>(at);
}

Status TrackPoints::add(const TracePoint& point, Spool& spool) {
  tail_.push_back(point);
  if (tail_.size() < Spool::block) return {};
  auto room = spool.another();
  if (!room) return room.error();
  std::copy(tail_.begin(), tail_.end(), *room);
  blocks_.push_back(*room);
  tail_.clear();
  return {};
}

}  // namespace neonvm::simulate
