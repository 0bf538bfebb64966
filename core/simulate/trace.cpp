#include "core/simulate/trace.hpp"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "core/simulate/line_file.hpp"
#include "core/simulate/trace_format.hpp"

namespace neonvm::simulate {
namespace {

constexpr double most_cpus = 4096;
constexpr double longest = 10.0 * 366 * 86400;      // of a trace
constexpr double most_memory = 64.0 * 1024 * static_cast<double>(gib);

std::string file_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

std::string stem(const std::string& path) {
  const std::string name = file_name(path);
  return name.substr(0, name.find('.'));
}

class Collector {
 public:
  Collector(const std::vector<std::string>& paths, const TraceOptions& options, const ReadingCall& told) : options_(options), told_(told) {
    for (const std::string& path : paths) {
      std::error_code none;
      const auto size = std::filesystem::file_size(path, none);
      if (!none) bytes_ += static_cast<double>(size);
    }
  }

  Status read(const std::string& path) {
    auto file = LineFile::open(path);
    if (!file) return file.error();
    const auto format = make_format(path, options_);
    if (format == nullptr) {
      std::string known;
      for (const std::string& name : trace_formats()) known += (known.empty() ? "" : ", ") + name;
      return Error{Code::invalid_argument, "trace format \"" + options_.format + "\" is none of " + known};
    }
    std::string_view line;
    Reading reading;
    bool first = true;
    while (true) {
      const auto more = file->next(line);
      if (!more) return more.error();
      constexpr std::uint64_t seldom = 4096;
      if (told_ && file->number() % seldom == 0) told_(bytes_before_ + file->read_so_far(), bytes_);
      if (!*more) {
        bytes_before_ += file->read_so_far();
        return {};
      }
      bool found = false;
      LineFault fault = format->read(line, first, reading, found);
      if (fault.what.empty() && found) fault = check_reading(reading);
      if (fault.what.empty() && found) fault = take(reading);
      if (!fault.what.empty()) return file->wrong(fault.column, fault.what);
      if (!kept_) return kept_;
      first = false;
    }
  }

  // Times become seconds since the first reading of all.
  Trace finish() && {
    double begin = std::numeric_limits<double>::infinity(), end = 0;
    for (const Times& t : times_) begin = std::min(begin, t.first), end = std::max(end, t.last);
    for (std::size_t i = 0; i < trace_.tracks.size(); ++i) {
      const auto shift = static_cast<float>(times_[i].first - begin);
      trace_.tracks[i].points.shift(shift);
    }
    // The last reading of all holds for as long as the one before did.
    trace_.length = trace_.tracks.empty() ? 0 : end - begin + longest_usual_;
    return std::move(trace_);
  }

 private:
  struct Times {
    double first = 0, last = 0;
  };

  LineFault take(const Reading& r) {
    earliest_ = std::min(earliest_, r.at);
    latest_ = std::max(latest_, r.at);
    if (latest_ - earliest_ > longest) {
      return {r.columns.at, "time: " + std::to_string(r.at) + " s is more than ten years from other readings, " +
                                std::to_string(r.at == latest_ ? earliest_ : latest_) + " s"};
    }
    const auto known = places_.find(r.vm);
    if (known == places_.end()) {
      if (trace_.tracks.size() >= options_.most_vms) return {};
      places_.emplace(r.vm, trace_.tracks.size());
      trace_.tracks.push_back({r.vm, {}, r.closed});
      times_.push_back({r.at, r.at});
    }
    const std::size_t place = known == places_.end() ? trace_.tracks.size() - 1 : known->second;
    Times& times = times_[place];
    auto& points = trace_.tracks[place].points;
    if (points.size() != 0) {
      const double gap = r.at - times.last;
      if (gap < 0) {
        return {r.columns.at, "time goes back for VM " + r.vm + ": " + std::to_string(r.at) + " after " + std::to_string(times.last) +
                       "; sort the file by VM and time"};
      }
      if (gap == 0) return {};
      if (gap > options_.largest_gap) ++trace_.gaps;
      else longest_usual_ = std::max(longest_usual_, gap);
    }
    times.last = r.at;
    ++trace_.readings;
    kept_ = points.add({static_cast<float>(r.at - times.first), static_cast<float>(r.cpu), static_cast<float>(r.memory),
                        static_cast<float>(r.file)}, *trace_.spool);
    return {};
  }

  const TraceOptions& options_;
  const ReadingCall& told_;
  double bytes_ = 0, bytes_before_ = 0;   // of all files; of those behind us
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<Times> times_;
  Status kept_;                        // whether the last reading found room
  double longest_usual_ = 5;
  double earliest_ = std::numeric_limits<double>::infinity(), latest_ = 0;
  Trace trace_;
};

class Replay final : public DemandSource {
 public:
  Replay(const Track& track, double length) : points_(&track.points), length_(length), closed_(track.closed) {}

  Piece piece(double at) override {
    const TrackPoints& points = *points_;
    while (next_ < points.size() && static_cast<double>(points[next_].at) <= at) ++next_;
    if (at >= length_) return {{}, at + 1, true};
    const double until = next_ < points.size() ? static_cast<double>(points[next_].at) : length_;
    if (next_ == 0) return {{}, until};
    const TracePoint p = points[next_ - 1];
    return {{static_cast<double>(p.cpu), static_cast<double>(p.memory), static_cast<double>(p.file), 0, closed_}, until};
  }

 private:
  const TrackPoints* points_;
  double length_;
  bool closed_;
  std::size_t next_ = 0;
};

}  // namespace

const std::vector<std::string>& trace_formats() {
  static const std::vector<std::string> formats = {"csv", "jsonl", "azure", "borg", "alibaba", "bitbrains"};
  return formats;
}

std::string guessed_format(const std::string& path) {
  const std::string name = file_name(path);
  if (name.find("vm_cpu_readings") == 0) return "azure";
  if (name.find("container_usage") == 0) return "alibaba";
  if (name.find("instance_usage") == 0) return "borg";
  return name.find(".jsonl") != std::string::npos ? "jsonl" : "csv";
}

LineFault check_reading(const Reading& r) {
  // Written so that NaN is out of range too: infinite memory less an infinite cache is one.
  const auto within = [](double value, double most) { return value >= 0 && value <= most; };
  const auto bytes = [](double value) { return std::to_string(value) + " bytes; at most 64 TiB are believed"; };
  if (!within(r.cpu, most_cpus)) return {r.columns.cpu, "cpu: " + std::to_string(r.cpu) + " CPUs; at most 4096 are believed"};
  if (!within(r.memory, most_memory)) return {r.columns.memory, "memory: " + bytes(r.memory)};
  if (!within(r.file, most_memory)) return {r.columns.file, "file: " + bytes(r.file)};
  if (!within(r.at, 1e12)) return {r.columns.at, "time: " + std::to_string(r.at) + " s is too far away"};
  return {};
}

std::unique_ptr<TraceFormat> make_format(const std::string& path, const TraceOptions& options) {
  const std::string& f = options.format;
  if (f == "csv") return make_csv_format();
  if (f == "jsonl") return make_jsonl_format();
  if (f == "azure") return make_azure_format(options);
  if (f == "borg") return make_borg_format(options);
  if (f == "alibaba") return make_alibaba_format(options);
  if (f == "bitbrains") return make_bitbrains_format(stem(path));
  return nullptr;
}

Result<Trace> read_trace(const std::vector<std::string>& paths, const TraceOptions& options, const ReadingCall& told) {
  Collector collector(paths, options, told);
  for (const std::string& path : paths)
    if (Status status = collector.read(path); !status) return status.error();
  Trace trace = std::move(collector).finish();
  if (trace.readings == 0) return Error{Code::invalid_argument, paths.empty() ? "no trace was given" : paths.front() + ": there is no reading in it"};
  return trace;
}

std::unique_ptr<DemandSource> replay(const Track& track, double length) { return std::make_unique<Replay>(track, length); }

}  // namespace neonvm::simulate
