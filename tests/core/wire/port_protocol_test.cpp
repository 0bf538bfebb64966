// Whose a folder is that a pod shares with its node.
#include "core/wire/port_protocol.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

TEST_CASE("a port's folder says whose it is, and is read as it was written") {
  const auto whose = [](const std::string& address) { return PortFolder{"prod", "web-x7", PortOwner{"02:00:00:00:0a:ff", parse_ip(address).value()}}; };
  CHECK(encode(PortFolder{"prod", "web-x7", {}}) == "prod_web-x7");
  CHECK(encode(whose("10.100.128.7")) == "prod_web-x7_020000000aff_10.100.128.7");
  CHECK(encode(whose("fd00::7")) == "prod_web-x7_020000000aff_fd00--7");
  for (const PortFolder& folder : {PortFolder{"prod", "web-x7", {}}, whose("10.100.128.7"), whose("fd00::7")}) {
    const auto read = decode_port_folder(encode(folder));
    REQUIRE(read.ok());
    CHECK(*read == folder);
  }
}

TEST_CASE("a folder that says half of it is nobody's") {
  for (const char* name : {"", "prod", "prod_", "_web", "prod_web_020000000aff", "prod_web_020000000aff_", "prod_web_02_10.0.0.1", "prod_web_02000000zzff_10.0.0.1",
                           "prod_web_020000000aff_10.0.0", "prod_web_020000000aff_10.0.0.1_x"}) {
    INFO(name);
    CHECK_FALSE(decode_port_folder(name).ok());
  }
}
