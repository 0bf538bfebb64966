// Every parser of the kernel's texts on the same bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "guest/cpu_tree.hpp"
#include "guest/init/network_up.hpp"
#include "guest/kernel_cmdline.hpp"
#include "guest/procfs.hpp"
#include "guest/ssh_server.hpp"
#include "guest/storage.hpp"
#include "guest/uevents.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace neonvm::guest;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ProcReading reading = read_proc({text, text, text, text, text, text, text, text});
  (void)sample_between(read_proc({}), reading, std::chrono::seconds(1));
  (void)public_key_in(std::string(text));
  (void)check_authorized_key(std::string(text));
  (void)read_cgroup_anonymous(text);
  (void)parse_cpu_list(text);
  (void)parse_uevent(text);
  (void)split_words(text);
  (void)KernelCmdline(text).find("root");
  (void)parse_address_plan(text);
  (void)parse_card_plan(text);
  (void)storage_mounts(text);
  return 0;
}
