// An importer of traces, FORMAT, on any bytes: plain or gzip. What it takes must be usable as a demand.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/simulate/trace.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = memfd_create("trace", MFD_CLOEXEC);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  neonvm::simulate::TraceOptions options;
  options.format = FORMAT;
  const auto trace = neonvm::simulate::read_trace({"/proc/self/fd/" + std::to_string(file)}, options);
  close(file);
  if (!trace) {
    if (trace.error().message.empty()) std::abort();
    return 0;
  }
  for (const auto& track : trace->tracks) {
    const auto source = neonvm::simulate::replay(track, trace->length);
    double at = 0;
    for (int i = 0; i < 100; ++i) {
      const auto piece = source->piece(at);
      if (piece.gone) break;
      if (!std::isfinite(piece.demand.cpu) || piece.demand.cpu < 0 || piece.demand.anonymous < 0 || piece.until <= at) std::abort();
      at = piece.until;
    }
  }
  return 0;
}
