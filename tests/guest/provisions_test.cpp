#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/wire/file_bundle.hpp"
#include "guest/file_generations.hpp"
#include "guest/file_text.hpp"
#include "guest/init/ext4_make.hpp"
#include "guest/init/prepare.hpp"
#include "guest/init/root_switch.hpp"
#include "guest/swap.hpp"
#include "guest/sysctl.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace neonvm::guest;

namespace {

const std::string first(32, 'a'), second(32, 'b');

std::string read(const std::filesystem::path& path) { return read_text(path.string()).value_or("(none)"); }

FileOwner myself() { return {::getuid(), ::getgid()}; }

std::vector<std::string> names_of(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("a setting's name is a path below /proc/sys and nowhere else") {
  CHECK(sysctl_path("vm.swappiness") == "vm/swappiness");
  CHECK(sysctl_path("net/ipv4/conf/eth0.1/forwarding") == "net/ipv4/conf/eth0.1/forwarding");
  CHECK(sysctl_path("net.ipv4.conf.eth0/1.forwarding") == "net/ipv4/conf/eth0.1/forwarding");
  for (const char* name : {"", "/etc/passwd", "..", "a/../b", "vm/", "vm..x", "../x"}) {
    INFO(name);
    CHECK(sysctl_path(name).empty());
  }
}

TEST_CASE("settings are written, and those that are refused are named") {
  const TempDir folder;
  std::filesystem::create_directory(folder.path() / "vm");
  std::ofstream(folder.path() / "vm" / "swappiness") << "60";
  const auto refused = apply_sysctl({"vm.swappiness = 7", "vm.no_such=1", "nonsense", "../x=1"}, folder.path().string());
  CHECK(read(folder.path() / "vm" / "swappiness").substr(0, 1) == "7");
  REQUIRE(refused.size() == 3);
  CHECK(refused[0].message.rfind("sysctl vm.no_such=1: ", 0) == 0);
}

TEST_CASE("swap areas are read from what the kernel says") {
  const char* text =
      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
      "/dev/vdb2                               partition\t65532\t\t1024\t\t-2\n"
      "/dev/vdbb1                              partition\t65532\t\t0\t\t-3\n"
      "/dev/vdb9                               partition\t65532\t\t0\t\t-3\n"
      "/swapfile                               file\t1\t0\t-4\n";
  const auto areas = read_swap_areas(text, "/dev/vdb");
  REQUIRE(areas.size() == 4);
  CHECK(areas[1] == decide::SwapArea{Bytes{64 * mib}, Bytes{mib}});
  CHECK(areas[0].size.value + areas[2].size.value + areas[3].size.value == 0);
}

TEST_CASE("a swap header is mkswap's") {
  const std::string header = swap_header(Bytes{64 * mib}, 4096, "0123456789abcdef");
  REQUIRE(header.size() == 4096);
  CHECK(header.substr(4086) == "SWAPSPACE2");
  CHECK(header.substr(1024, 8) == std::string("\x01\0\0\0\xff\x3f\0\0", 8));
  CHECK(header.substr(1036, 16) == "0123456789abcdef");
}

TEST_CASE("an ext4 is made on what is blank only, and is sound") {
  const TempDir folder;
  const std::string disk = (folder.path() / "disk").string();
  for (const std::uint64_t size : {16 * mib, 300 * mib, 40 * gib}) {
    for (const bool quotas : {false, true}) {
      std::ofstream(disk, std::ios::trunc).close();
      std::filesystem::resize_file(disk, size);
      REQUIRE(is_blank_disk(disk).value_or(false));
      REQUIRE(make_ext4(disk, {size, quotas}));
      CHECK(file_system_on(disk) == "ext4");
      CHECK_FALSE(is_blank_disk(disk).value_or(true));
      INFO(size << (quotas ? " with quotas" : ""));
      CHECK(std::system(("PATH=$PATH:/sbin:/usr/sbin e2fsck -fn " + disk + " >/dev/null 2>&1").c_str()) == 0);
    }
  }
}

TEST_CASE("a disk that is half made is made anew, and one with anything else never") {
  CHECK(is_blank(std::string(4096, '\0')));
  CHECK(is_blank("neonvm: an ext4 is being made here\n with this and that behind it"));
  std::string other(1 << 20, '\0');
  other.back() = 1;
  CHECK_FALSE(is_blank(other));
}

TEST_CASE("files change all at once") {
  const TempDir folder;
  const std::string at = folder.path().string();
  CHECK(generation_in(at).empty());
  REQUIRE(place_generation(at, {{"a", 0640, "one"}, {"sub/b", 0400, "two"}}, first, myself()));
  CHECK(generation_in(at) == first);
  CHECK(read(folder.path() / "a") == "one");
  CHECK(read(folder.path() / "sub" / "b") == "two");
  struct stat facts {};
  REQUIRE(::stat((at + "/a").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0640);
  // A short secret can be found by its checksum.
  REQUIRE(::stat((at + "/..data/..checksum").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0400);
  CHECK(std::filesystem::read_symlink(folder.path() / "..data").string().find(first) == std::string::npos);
  std::ifstream old(folder.path() / "a");
  REQUIRE(place_generation(at, {{"a", 0640, "three"}, {"c", 0400, ""}}, second, myself()));
  std::string seen;
  old >> seen;
  CHECK(seen == "one");
  CHECK(read(folder.path() / "a") == "three");
  CHECK(names_of(folder.path()) == std::vector<std::string>{"..1", "..data", "a", "c"});
  REQUIRE(place_generation(at, {}, first, myself()));
  CHECK(names_of(folder.path()) == std::vector<std::string>{"..0", "..data"});
}

TEST_CASE("what was left half-done before is in nobody's way") {
  const TempDir folder;
  const std::string at = folder.path().string();
  std::filesystem::create_directories(folder.path() / "..0" / "a");
  std::filesystem::create_symlink("nowhere", folder.path() / "..link");
  REQUIRE(place_generation(at, {{"a", 0400, "one"}}, first, myself()));
  CHECK(read(folder.path() / "a") == "one");
  CHECK(names_of(folder.path()) == std::vector<std::string>{"..1", "..data", "a"});
  CHECK_FALSE(place_generation(at, {}, "../../etc", myself()));
}

TEST_CASE("a place to mount on may not be one that the guest needs, whatever leads there") {
  const TempDir folder;
  const std::string inside = (folder.path() / "a b" / "c").string();
  const auto made = open_mount_point(inside);
  REQUIRE(made);
  ::close(*made);
  std::filesystem::create_symlink("/proc", folder.path() / "out");
  std::filesystem::create_symlink("/", folder.path() / "root");
  std::ofstream(folder.path() / "file") << "x";
  for (const char* path : {"out", "root", "root/sys", "out/1", "file"}) {
    INFO(path);
    CHECK_FALSE(open_mount_point((folder.path() / path).string()));
  }
}
