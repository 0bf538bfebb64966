#include "plugins/hypervisor-qemu/migration_place.hpp"

#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

TEST_CASE("a place crosses as text, and QEMU gets it in its own words") {
  struct Case {
    MigrationPlace place;
    const char* text;
    const char* uri;
  };
  for (const auto& [place, text, uri] :
       {Case{{"/run/a/migration.sock", "", 0, false}, "unix:/run/a/migration.sock", "unix:/run/a/migration.sock"},
        Case{{"/run/a/migration.sock", "", 0, true}, "unix:/run/a/migration.sock,disks", "unix:/run/a/migration.sock"},
        Case{{"", "10.0.0.7", 7000, true}, "tls:10.0.0.7:7000,disks", "tcp:10.0.0.7:7000"},
        Case{{"", "fd00::7", 65534, false}, "tls:[fd00::7]:65534", "tcp:[fd00::7]:65534"}}) {
    INFO(text);
    CHECK(to_text(place) == text);
    CHECK(stream_uri(place) == uri);
    const auto read = parse_place(text);
    REQUIRE(read.ok());
    CHECK(*read == place);
  }
}

TEST_CASE("a place that is none is refused with its text") {
  for (const char* text : {"", "tcp:127.0.0.1:1", "exec:cat", "fd:7", "unix:", "unix:relative", "tls:", "tls:host", "tls::7",
                           "tls:host:0", "tls:host:65535", "tls:host:7x", "tls:fd00::7:7000", "tls:[host]:7", "tls:a,b:7",
                           "tls:[]:7", ",disks"}) {
    INFO(text);
    const auto read = parse_place(text);
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().code == Code::invalid_argument);
    CHECK(read.error().message.find(text) != std::string::npos);
  }
}

}  // namespace
}  // namespace neonvm::qemu
