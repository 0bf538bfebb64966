#include "core/daemon/source_folder.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using daemon::read_source;

namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

MachineFiles from(const fs::path& source) {
  MachineFiles files;
  files.name = source.filename().string();
  files.source = source.string();
  files.mode = 0640;
  return files;
}

wire::FileBundle bundle(const MachineFiles& files) {
  const auto text = read_source(files);
  INFO((text ? "" : text.error().message));
  REQUIRE(text);
  const auto decoded = wire::decode_file_bundle(text->bundle);
  REQUIRE(decoded);
  return *decoded;
}

}  // namespace

TEST_CASE("a folder gives its files, a file itself, and a volume those of one moment") {
  const TempDir dir;
  write(dir.path() / "f" / "a", "one");
  write(dir.path() / "f" / "sub" / "b", "two");
  write(dir.path() / "f" / "..old" / "a", "old");
  CHECK(bundle(from(dir.path() / "f")) == wire::FileBundle{{"a", 0640, "one"}, {"sub/b", 0640, "two"}});
  CHECK(bundle(from(dir.path() / "f" / "a")) == wire::FileBundle{{"a", 0640, "one"}});
  write(dir.path() / "v" / "..g1" / "k", "v");
  fs::create_symlink("..g1", dir.path() / "v" / "..data");
  fs::create_symlink("..data/k", dir.path() / "v" / "k");
  CHECK(bundle(from(dir.path() / "v")) == wire::FileBundle{{"k", 0640, "v"}});
}

TEST_CASE("items choose, rename and say modes; what is missing is told") {
  const TempDir dir;
  write(dir.path() / "f" / "a", "one");
  MachineFiles files = from(dir.path() / "f");
  files.items = {{"a", "x/y", 0400}};
  CHECK(bundle(files) == wire::FileBundle{{"x/y", 0400, "one"}});
  files.items.push_back({"b", "b", std::nullopt});
  const auto missing = read_source(files);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Code::not_found);
  CHECK(missing.error().message.find("has no \"b\"") != std::string::npos);
  files.optional = true;
  CHECK(bundle(files).size() == 1);
  files.source += "/none";
  CHECK(bundle(files).empty());
  files.optional = false;
  CHECK(read_source(files).error().code == Code::not_found);
}

TEST_CASE("what cannot be sent is refused with its name") {
  const TempDir dir;
  write(dir.path() / "big" / "a", std::string(wire::most_bundle_bytes + 1, 'x'));
  CHECK(read_source(from(dir.path() / "big")).error().message.find("larger than 4Mi") != std::string::npos);
  for (int i = 0; i < 3; ++i) write(dir.path() / "sum" / std::to_string(i), std::string(wire::most_bundle_bytes / 2, 'x'));
  CHECK_FALSE(read_source(from(dir.path() / "sum")));
  fs::create_directories(dir.path() / "pipe");
  REQUIRE(::mkfifo((dir.path() / "pipe" / "p").c_str(), 0600) == 0);
  CHECK(read_source(from(dir.path() / "pipe")).error().message.find("no regular file") != std::string::npos);
  fs::create_directories(dir.path() / "loop");
  fs::create_directory_symlink(".", dir.path() / "loop" / "again");
  CHECK_FALSE(read_source(from(dir.path() / "loop")));
}

TEST_CASE("every kind of change is heard of") {
  const TempDir dir;
  const fs::path source = dir.path() / "f";
  runtime::Loop loop;
  int heard = 0;
  daemon::SourceWatch watch(loop, source.string(), [&] { ++heard; });
  const auto hears = [&](const char* what, auto change) {
    INFO(what);
    REQUIRE(watch.look());
    const int before = heard;
    change();
    CHECK(loop.run_until([&] { return heard > before; }));
  };
  hears("the folder is made", [&] { write(source / "a", "1"); });
  hears("a file is written", [&] { write(source / "a", "2"); });
  hears("a file is replaced", [&] {
    write(dir.path() / "new", "3");
    fs::rename(dir.path() / "new", source / "a");
  });
  hears("a folder in it", [&] { fs::create_directory(source / "sub"); });
  hears("a file in that", [&] { write(source / "sub" / "b", "1"); });
  hears("a volume is switched", [&] { fs::create_symlink("sub", source / "..data"); });
  hears("a file is removed", [&] { fs::remove(source / "a"); });
  hears("the folder is replaced", [&] {
    fs::rename(source, dir.path() / "old");
    write(source / "c", "1");
  });
  hears("the new one is watched", [&] { write(source / "c", "2"); });
  hears("the folder is removed", [&] { fs::remove_all(source); });
}
