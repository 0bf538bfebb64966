// How long until one more CPU is online, and 1 GiB more is there, in the guest: by the plugin, and by a script that
// writes the same two commands to a QMP socket of the same QEMU. In turns, so that both see the same noise.
//
// usage: resize_bench [ROUNDS, 1 to 20]      prints medians in ms and plugin/script
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <vector>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/launcher.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"
#include "plugins/hypervisor-qemu/unix_socket.hpp"
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"

namespace neonvm::qemu {
namespace {

constexpr int most_rounds = 20;
constexpr Duration patience = std::chrono::seconds(120);

Deadline in_time() { return clock_now() + patience; }

void must(bool done, const std::string& what) {
  if (!done) throw std::runtime_error(what);
}

// Lines to a socket and back; everything else is left out.
class BareScript {
 public:
  explicit BareScript(const std::string& path) {
    auto socket = connect_to(path);
    must(socket.ok(), "no QMP at " + path);
    socket_ = std::move(*socket);
    hear("\"QMP\"");
    ask(R"({"execute":"qmp_capabilities"})");
  }
  void ask(const std::string& command) {
    const std::string line = command + "\n";
    must(::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size()), command);
    hear("\"return\"");
  }

 private:
  void hear(const std::string& part) {
    std::array<char, 4096> buffer;
    while (rest_.find(part) == std::string::npos || rest_.back() != '\n') {
      const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      must(n > 0, "QMP ended");
      rest_.append(buffer.data(), static_cast<std::size_t>(n));
      must(rest_.find("\"error\"") == std::string::npos, rest_);
    }
    rest_.clear();
  }
  UniqueFd socket_;
  std::string rest_;
};

class Bench {
 public:
  explicit Bench(int rounds) : rounds_(rounds), spec_(qemu_.machine("bench", "bench")) {
    spec_.max_cpus = static_cast<std::uint32_t>(2 * rounds + 2);
    auto machine = qemu_.door().start(spec_, in_time());
    must(machine.ok(), machine ? "" : machine.error().message);
    machine_ = std::move(*machine);
    must(qemu_.boots(spec_), "the guest did not boot");
    script_ = std::make_unique<BareScript>(RunDir(spec_.run_dir).oob_monitor);
    // The first CPU of a boot is slower than all others.
    by_plugin_cpu();
  }
  ~Bench() { (void)machine_->kill(in_time()); }

  void run() {
    std::vector<double> plugin, script;
    for (int round = 0; round < rounds_; ++round) {
      plugin.push_back(by_plugin_cpu());
      script.push_back(by_script_cpu());
    }
    print("+1 CPU online", plugin, script);
    plugin.clear();
    script.clear();
    for (int round = 0; round < rounds_; ++round) {
      plugin.push_back(memory([&](Bytes size) { must(machine_->want_memory(size, in_time()).ok(), "want_memory"); }));
      script.push_back(memory([&](Bytes size) {
        const std::string value = std::to_string(size.value);
        script_->ask(R"({"execute":"qom-set","arguments":{"path":"/machine/peripheral/vm0","property":"requested-size","value":)" + value + "}}");
      }));
    }
    print("+1 GiB in MemTotal", plugin, script);
  }

 private:
  double ms_since(Instant start) { return seconds(clock_now() - start) * 1000; }

  double by_plugin_cpu() {
    const std::uint32_t count = ++cpus_;
    const Instant start = clock_now();
    const auto state = machine_->set_cpus(count, in_time());
    must(state.ok() && state->actual == MilliCpu{count * 1000}, "set_cpus");
    await_cpus(count);
    return ms_since(start);
  }

  double by_script_cpu() {
    const std::string slot = std::to_string(cpus_++);
    const Instant start = clock_now();
    script_->ask(R"({"execute":"device_add","arguments":{"driver":"max-x86_64-cpu","socket-id":0,"die-id":0,"thread-id":0,"core-id":)" +
                 slot + R"(,"id":"cpu)" + slot + "\"}}");
    await_cpus(cpus_);
    return ms_since(start);
  }

  void await_cpus(std::uint64_t count) {
    await([&] { return qemu_.guest(spec_).number("online") == count; }, "the CPU is not online");
  }

  double memory(const std::function<void(Bytes)>& want) {
    const std::uint64_t enough = 1100 * mib;
    const auto total = [&] { return qemu_.guest(spec_).number("memory").value_or(0) * kib; };
    const Instant start = clock_now();
    want(Bytes{gib});
    await([&] { return total() >= enough; }, "the memory is not there");
    const double ms = ms_since(start);
    must(machine_->want_memory(Bytes{0}, in_time()).ok(), "want_memory");
    await([&] { return machine_->inspect(in_time())->plugged_memory == Bytes{0}; }, "the memory does not leave");
    return ms;
  }

  static void await(const std::function<bool()>& done, const char* what) {
    const Deadline deadline = in_time();
    while (!done()) must(clock_now() < deadline, what);
  }

  static void print(const char* what, std::vector<double> plugin, std::vector<double> script) {
    std::ranges::sort(plugin);
    std::ranges::sort(script);
    const double a = plugin[plugin.size() / 2], b = script[script.size() / 2];
    std::printf("%-20s plugin %6.0f ms   bare script %6.0f ms   ratio %.2f   (%zu rounds)\n", what, a, b, a / b,
                plugin.size());
  }

  const int rounds_;
  RealQemu qemu_;
  MachineSpec spec_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<BareScript> script_;
  std::uint32_t cpus_ = 1;
};

}  // namespace
}  // namespace neonvm::qemu

int main(int count, char** words) {
  const int rounds = std::clamp(count > 1 ? std::atoi(words[1]) : 10, 1, neonvm::qemu::most_rounds);
  try {
    neonvm::qemu::Bench(rounds).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "resize_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
