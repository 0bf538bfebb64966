#include "guest/proc_reader.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace neonvm::guest {
namespace {

struct Name {
  const char* path;
  bool quick;
};
// In the order of ProcTexts.
constexpr Name names[] = {{"/loadavg", false},         {"/stat", false},           {"/meminfo", true},
                          {"/vmstat", true},           {"/pressure/cpu", false},   {"/pressure/memory", true},
                          {"/pressure/io", false},   {"/zoneinfo", false}};

}  // namespace

ProcReader::ProcReader(const std::string& root, Look look) {
  const long ticks = ::sysconf(_SC_CLK_TCK);
  ticks_ = ticks > 0 ? static_cast<double>(ticks) : 100;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    sources_[i].path = root + names[i].path;
    if (look == Look::memory_only && !names[i].quick) continue;
    sources_[i].fd.reset(::open(sources_[i].path.c_str(), O_RDONLY | O_CLOEXEC));
  }
}

std::string_view ProcReader::read(Source& source) {
  if (!source.fd.valid()) return {};
  if (source.text.empty()) source.text.resize(4096);
  std::size_t length = 0;
  // A file of /proc is made anew by a read at offset 0; a longer one comes in several reads.
  for (;;) {
    const ssize_t got = ::pread(source.fd.get(), source.text.data() + length, source.text.size() - length,
                                static_cast<off_t>(length));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    length += static_cast<std::size_t>(got);
    if (length == source.text.size()) source.text.resize(source.text.size() * 2);
  }
  return std::string_view(source.text).substr(0, length);
}

GuestSample ProcReader::sample(Instant now) {
  const ProcTexts texts{read(sources_[0]), read(sources_[1]), read(sources_[2]), read(sources_[3]),
                        read(sources_[4]), read(sources_[5]), read(sources_[6]), read(sources_[7])};
  const ProcReading reading = read_proc(texts);
  if (before_ && now - before_->at >= least_span) older_ = before_;
  const auto& earlier = older_ ? older_ : before_;
  GuestSample sample = earlier ? sample_between(earlier->reading, reading, now - earlier->at, ticks_) : sample_of(reading);
  sample.at = now;
  before_ = Earlier{reading, now};
  return sample;
}

std::vector<std::string> ProcReader::missing() const {
  std::vector<std::string> paths;
  for (const Source& source : sources_) {
    if (!source.fd.valid()) paths.push_back(source.path);
  }
  return paths;
}

}  // namespace neonvm::guest
