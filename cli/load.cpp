// neonvm load: work for a guest, to see it grow.
#include "guest/load.hpp"

#include <cstdio>
#include <memory>

#include "cli/commands_guest.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::cli {

namespace {

struct LoadFlags {
  std::string what, amount, time, rate;
  bool check = false;
};

constexpr double longest = 1e6;

Result<Duration> time_of(const std::string& text) {
  if (text.empty()) return Duration{};
  const auto seconds = guest::decimal_number(text);
  if (seconds && *seconds <= longest) return from_seconds(*seconds);
  return Error{Code::invalid_argument, "seconds: \"" + text + "\": give 0 to 1000000, like 30 or 0.5"};
}

Result<int> load_cpus(const LoadFlags& flags, Duration time) {
  const auto loops = guest::whole_number<std::uint32_t>(flags.amount);
  if (!loops || *loops == 0 || *loops > 4096) {
    return Error{Code::invalid_argument, "amount: \"" + flags.amount + "\": give 1 to 4096 busy loops"};
  }
  if (time == Duration{}) return Error{Code::invalid_argument, "seconds: say for how long, like: load cpu 2 30"};
  guest::load_cpus(*loops, time);
  std::printf("%u busy loops for %g s\n", *loops, seconds(time));
  return 0;
}

Result<std::optional<Bytes>> rate_of(const std::string& text) {
  if (text.empty()) return std::optional<Bytes>();
  const auto rate = parse_bytes(text.substr(0, text.size() - (text.ends_with("/s") ? 2 : 0)));
  if (!rate) return rate.error().at("--rate");
  return std::optional<Bytes>(*rate);
}

Result<int> wave_memory(const LoadFlags& flags, std::size_t dots, Duration time) {
  const auto low = parse_bytes(flags.amount.substr(0, dots)), high = parse_bytes(flags.amount.substr(dots + 2));
  if (!low) return low.error().at("amount");
  if (!high) return high.error().at("amount");
  if (*low >= *high) return Error{Code::invalid_argument, "amount: \"" + flags.amount + "\": give the smaller first"};
  if (time == Duration{}) return Error{Code::invalid_argument, "seconds: say for how long, like: load memory 256Mi..1Gi 60"};
  if (flags.check) return Error{Code::invalid_argument, "--check: of memory that comes and goes nothing can be checked"};
  const auto rate = rate_of(flags.rate);
  if (!rate) return rate.error();
  guest::MemoryWave wave{*low, *high, {}, time};
  wave.rate = rate->value_or(guest::MemoryWave{}.rate);
  const Status done = guest::wave_memory(wave, [](Bytes has) {
    std::printf("%llu MiB\n", static_cast<unsigned long long>(has.value / mib));
    std::fflush(stdout);
  });
  if (!done) return done.error();
  return 0;
}

Result<int> load_memory(const LoadFlags& flags, Duration time) {
  if (const std::size_t dots = flags.amount.find(".."); dots != std::string::npos) return wave_memory(flags, dots, time);
  const auto size = parse_bytes(flags.amount);
  if (!size) return size.error().at("amount");
  guest::MemoryLoad load;
  load.size = *size;
  load.time = time;
  load.check = flags.check;
  const auto rate = rate_of(flags.rate);
  if (!rate) return rate.error();
  load.rate = *rate;
  const auto report = guest::load_memory(load);
  if (!report) return report.error();
  std::printf("%s filled in %.2f s", to_string(*size).c_str(), report->fill_seconds);
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  if (load.check) std::printf(", checked %llu times, wrong words: %llu", number(report->rounds), number(report->wrong));
  if (report->wrong > 0) std::printf(", the first at offset %llu", number(report->first_wrong));
  std::printf("\n");
  return report->wrong == 0 ? 0 : 1;
}

Result<int> hold(guest::KernelLoad what, const LoadFlags& flags, Duration time) {
  const auto size = parse_bytes(flags.amount);
  if (!size) return size.error().at("amount");
  const auto held = guest::hold_memory(what, *size, time);
  if (!held) return held.error();
  std::printf("%s of %s held for %g s\n", to_string(*held).c_str(), flags.what.c_str(), seconds(time));
  return 0;
}

Result<int> load(const LoadFlags& flags) {
  const auto time = time_of(flags.time);
  if (!time) return time.error();
  if (flags.what == "cpu") return load_cpus(flags, *time);
  if (flags.what == "memory") return load_memory(flags, *time);
  if (flags.what == "locked") return hold(guest::KernelLoad::locked, flags, *time);
  if (flags.what == "tables") return hold(guest::KernelLoad::page_tables, flags, *time);
  if (flags.what == "slab") return hold(guest::KernelLoad::slab, flags, *time);
  return Error{Code::invalid_argument, "\"" + flags.what + "\": give cpu, memory, locked, tables or slab"};
}

}  // namespace

Command load_command() {
  return {"load", "Guest", "Keep CPUs busy or fill memory, to see this guest grow, or not shrink", [](Options& o) {
            auto flags = std::make_shared<LoadFlags>();
            o.positional("cpu|memory|locked|tables|slab", flags->what, "",
                         "What to load; the last three are memory that does not leave by itself");
            o.positional("AMOUNT", flags->amount, "", "How many busy loops, or how much memory, like 1Gi; 256Mi..1Gi goes up and down between the two");
            o.positional("SECONDS", flags->time, "", "For how long in all; memory: filling is always finished", false);
            o.text("--rate", flags->rate, "BYTES/s", "How fast memory is filled, like 256Mi/s");
            o.flag("--check", flags->check, "Read memory back and rewrite it in rounds; exit code 1 if it has changed");
            o.example("neonvm load cpu 4 30");
            o.example("neonvm load slab 100Mi 60");
            o.example("neonvm load memory 1Gi 60 --rate 256Mi/s --check");
            o.example("neonvm load memory 256Mi..2Gi 60 --rate 256Mi/s");
            return [flags](Context&) { return load(*flags); };
          }};
}

}  // namespace neonvm::cli
