// Uevents: the kernel's word that a device came or went, as it happens (netlink, no udev needed).
//
// Called by guest/monitor. parse_uevent() is pure. Threads: loop thread. Lifetime: listens until destroyed. Failure: the
// constructor never fails; open() says why the kernel's socket is not there. When events were lost because there were too
// many at once, `lost` is called: look at everything again.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "guest/file_text.hpp"

namespace neonvm::guest {

struct Uevent {
  std::string action;     // "add", "remove", "online", …
  std::string subsystem;  // "cpu", "memory", "virtio-ports", …
  std::string path;       // below /sys: "/devices/system/cpu/cpu3"
};

// "add@/devices/system/cpu/cpu3\0ACTION=add\0DEVPATH=…\0SUBSYSTEM=cpu\0…". Refused: without action, path and subsystem.
Result<Uevent> parse_uevent(std::string_view datagram);
// The number at the end of a device's name: "/devices/system/memory/memory33" -> 33.
Result<std::uint32_t> device_number(std::string_view path, std::string_view prefix);

class Uevents {
 public:
  Uevents(std::function<void(const Uevent&)> seen, std::function<void()> lost);
  Status open(runtime::Loop& loop);

 private:
  void read();

  std::function<void(const Uevent&)> seen_;
  std::function<void()> lost_;
  Fd socket_;
  runtime::FdWatch watch_;
};

}  // namespace neonvm::guest
