// TinyGuest: the tests' guest, and words with its agent (tiny_guest_agent.c) over the virtio-serial port.
//
// Threads: one. Failure: ask() is none when no answer came before its deadline.
#pragma once

#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"

namespace neonvm::support {

struct TinyImage {
  std::string kernel, initrd;
};
// Built once a process, in a folder that goes with it. Throws std::runtime_error when the host lacks what it takes.
const TinyImage& tiny_image();

// A machine of that guest: qmp CPUs 1..4, 256 MiB and 2 GiB pluggable, in `run_dir`.
MachineSpec tiny_machine(const std::string& name, const std::string& run_dir);

class TinyGuest {
 public:
  explicit TinyGuest(const MachineSpec& spec);
  ~TinyGuest();
  TinyGuest(const TinyGuest&) = delete;
  TinyGuest& operator=(const TinyGuest&) = delete;

  std::optional<std::string> ask(const std::string& line, Duration limit = std::chrono::seconds(20));
  // The number at the end of an answer like "cpus 3".
  std::optional<std::uint64_t> number(const std::string& line);
  bool wait_boot(Duration limit = std::chrono::seconds(90));
  struct Check {
    std::uint64_t sweeps = 0, errors = 0;
  };
  std::optional<Check> check();

 private:
  bool connect();
  std::string path_;
  int socket_ = -1;
  std::string rest_;
};

}  // namespace neonvm::support
