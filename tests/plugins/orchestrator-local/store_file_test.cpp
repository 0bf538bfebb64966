// The store's file: what is damaged, foreign or newer is told, and left as it is to the last byte.
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <sstream>

#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/plugins/orchestrator-local/child.hpp"
#include "tests/plugins/orchestrator-local/temp_home.hpp"

namespace neonvm::local {
namespace {

using contracts::soon;
using contracts::vm_object;

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void overwrite(const std::string& path, std::size_t at, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file << bytes;
}

void sql(const std::string& path, const std::string& text) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

Error refusal(const TempHome& home) {
  const auto door = LocalOrchestrator::open(settings_of(home), system_clock());
  REQUIRE_FALSE(door.ok());
  return door.error();
}

// A home with so many VMs, closed in order.
void fill(const TempHome& home, int count) {
  const auto door = open_door(settings_of(home));
  for (int i = 0; i < count; ++i) {
    Object object = vm_object("vm-" + std::to_string(i), std::string(2000, 'x'));
    object.kind = Kind::migration;
    REQUIRE(door->create(object, soon()).ok());
  }
}

TEST_CASE("a store that is not sound is refused and untouched") {
  const TempHome home;
  const std::string path = home.path + "/store.db";
  SECTION("not a store at all") {
    std::filesystem::create_directories(home.path);
    std::filesystem::permissions(home.path, std::filesystem::perms::owner_all);
    std::ofstream(path) << "shopping list: bread, butter";
  }
  SECTION("a beginning that was torn off") {
    fill(home, 3);
    std::filesystem::resize_file(path, 50);
  }
  SECTION("another program's database") {
    fill(home, 3);
    sql(path, "PRAGMA application_id = 77");
  }
  const std::string before = bytes_of(path);
  const Error error = refusal(home);
  CHECK(error.code == Code::data_loss);
  CHECK(error.message.find(path) != std::string::npos);
  CHECK(error.message.find("Move the file away") != std::string::npos);
  CHECK(bytes_of(path) == before);
}

TEST_CASE("a store of a newer neonvm is refused and untouched") {
  const TempHome home;
  const std::string path = home.path + "/store.db";
  fill(home, 3);
  sql(path, "PRAGMA user_version = 9");
  const std::string before = bytes_of(path);
  const Error error = refusal(home);
  CHECK(error.code == Code::data_loss);
  CHECK(error.message.find("newer neonvm (store version 9; this one knows 1)") != std::string::npos);
  CHECK(bytes_of(path) == before);
  CHECK_FALSE(std::filesystem::exists(path + "-wal"));
}

TEST_CASE("a store that was not closed in order is checked, and refused if torn") {
  const TempHome home;
  const std::string path = home.path + "/store.db";
  fill(home, 200);
  {
    Child child({STORE_CHILD, "spin", home.path});
    REQUIRE(child.line() == "began");
    await([&] { return std::filesystem::file_size(path + "-wal") > 0; });
    child.kill();
  }
  SECTION("sound: it goes on") {
    const auto door = open_door(settings_of(home));
    CHECK(door->list(Kind::migration, soon())->size() >= 200);
  }
  SECTION("torn: it stays as it is, log included") {
    // Pages of the b-trees, not the free space in them.
    for (std::size_t page = 4; page < 40; ++page) overwrite(path, page * 4096, std::string(64, '\x55'));
    const std::string before = bytes_of(path), log = bytes_of(path + "-wal");
    const Error error = refusal(home);
    CHECK(error.code == Code::data_loss);
    CHECK(error.message.find("damaged") != std::string::npos);
    CHECK(bytes_of(path) == before);
    CHECK(bytes_of(path + "-wal") == log);
  }
}

TEST_CASE("damage that is met later is data loss too") {
  const TempHome home;
  fill(home, 200);
  for (std::size_t page = 4; page < 80; ++page) {
    overwrite(home.path + "/store.db", page * 4096, std::string(64, '\x55'));
  }
  const auto door = open_door(settings_of(home));
  CHECK(door->list(Kind::migration, soon()).error().code == Code::data_loss);
}

void check_full(const std::string& home, const std::string& command) {
  Child child({STORE_CHILD, command, home});
  const std::string refused = child.line(), counts = child.line();
  INFO(refused << "\n" << counts);
  CHECK(refused.find("unavailable: the disk is full: cannot write " + home + "/store.db; free some space") == 0);
  int stored = 0, listed = -1;
  REQUIRE(std::sscanf(counts.c_str(), "stored %d listed %d", &stored, &listed) == 2);
  CHECK(stored > 0);
  CHECK(stored == listed);
  CHECK(child.wait() == 0);
}

TEST_CASE("a full disk refuses writes by name, keeps what is there, and goes on when there is room") {
  const TempHome home;
  SECTION("a file size limit") { check_full(home.path, "fill-limited"); }
  SECTION("a full file system") {
    std::filesystem::create_directories(home.path);
    if (::mount("tmpfs", home.path.c_str(), "tmpfs", 0, "size=2m,mode=0700") != 0) {
      WARN("no right to mount a small file system: not tried");
      return;
    }
    check_full(home.path, "fill");
    {
      const auto door = open_door(settings_of(home));
      const auto found = door->list(Kind::migration, soon());
      REQUIRE(found.ok());
      REQUIRE(::mount("tmpfs", home.path.c_str(), "tmpfs", MS_REMOUNT, "size=8m,mode=0700") == 0);
      CHECK(door->create(vm_object("again"), soon()).ok());
    }
    CHECK(::umount(home.path.c_str()) == 0);
  }
}

}  // namespace
}  // namespace neonvm::local
