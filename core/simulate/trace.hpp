// Traces: recorded use of VMs, read from the formats in which they are published.
//
//   csv        header line; columns time (seconds), vm, cpu (CPUs), memory (bytes), file (bytes); vm, memory and file
//              may be missing
//   jsonl      one object a line: {"time":5,"vm":"a","cpu":1.5,"memory":1e9,"file":1e8}; as `neonvm record` writes it, which
//              also says what the VM had (cpus, size): that is no demand, but tells that cpu counts tasks
//   azure      Azure Public Dataset V2 (2019), vm_cpu_readings-*.csv[.gz]: timestamp, VM id, min, max, average CPU in
//              percent of its cores; no memory
//   borg       Google cluster data 2019 (v3), table instance_usage exported as JSON lines: microseconds, usage as a
//              share of the largest machine
//   alibaba    Alibaba cluster trace v2018, container_usage.csv: percent of what the container asked for
//   bitbrains  GWA-T-12 fastStorage and Rnd, one file a VM, ";\t" between; its "Timestamp [ms]" are seconds
//
// Called by cli/simulate. Time begins with the first reading of all. A reading holds until the next one of its VM; a VM
// without one for longer than `largest_gap` keeps its last, and the gap is counted. A reading takes
// 16 bytes, of which a VM keeps at most 4 KiB in memory (track_points.hpp).
// Failure: invalid_argument with file, line and column for what is no number, NaN, negative, above 4096 CPUs or 64 TiB,
// goes back in time, or has too few or too many columns; for a file without any reading; for damaged gzip.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/simulate/demand.hpp"
#include "core/simulate/track_points.hpp"

namespace neonvm::simulate {

struct Track {
  std::string vm;
  TrackPoints points;                 // in the order of time
  bool closed = false;                // recorded by us: its CPUs are tasks (demand.hpp)
};

struct Trace {
  std::vector<Track> tracks;          // in the order in which the VMs first appear
  double length = 0;                  // seconds
  std::uint64_t readings = 0, gaps = 0;
  std::shared_ptr<Spool> spool = std::make_shared<Spool>();   // of the tracks
};

struct TraceOptions {
  std::string format = "csv";
  double cores = 4;                   // azure, alibaba: of a VM
  double memory = 8e9;                // alibaba: of a VM; azure: a VM's constant use is a quarter of it
  double machine_cpus = 64;           // borg: what 1.0 stands for
  double machine_memory = 256e9;
  double largest_gap = 900;
  std::size_t most_vms = 1'000'000;   // further VMs are left out
};

const std::vector<std::string>& trace_formats();
// "azure" for vm_cpu_readings…, "jsonl" for *.jsonl[.gz], "alibaba" for container_usage…, else "csv".
std::string guessed_format(const std::string& path);
// Told now and then how many bytes of all files have been read; of: 0 where that cannot be known.
using ReadingCall = std::function<void(double done, double of)>;
Result<Trace> read_trace(const std::vector<std::string>& paths, const TraceOptions& options, const ReadingCall& told = {});

// The demand that a track records. `trace` must live as long.
std::unique_ptr<DemandSource> replay(const Track& track, double length);

}  // namespace neonvm::simulate
