#include "plugins/hypervisor-qemu/libvirt_domain.hpp"

#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

MachineSpec spec_at(const std::string& run_dir) {
  MachineSpec spec;
  spec.name = "web";
  spec.uuid = "6f1d7a3e-0b52-4d8c-9a57-3c1c5f2d9e10";
  spec.run_dir = run_dir;
  spec.max_cpus = 4;
  spec.pluggable_memory = Bytes{gib};
  return spec;
}

std::string xml_of(const MachineSpec& spec, bool kvm = false) {
  const auto xml = domain_xml(spec, {"/usr/bin/qemu", "pc-q35-7.2", kvm}, {});
  REQUIRE(xml.ok());
  return *xml;
}

bool has(const std::string& xml, const std::string& part) { return xml.find(part) != std::string::npos; }

TEST_CASE("name and UUID belong to the run directory: both sides of a migration may live in one libvirt") {
  CHECK(domain_name(spec_at("/run/a")) == domain_name(spec_at("/run/a")));
  CHECK(domain_name(spec_at("/run/a")) != domain_name(spec_at("/run/b")));
  const std::string a = xml_of(spec_at("/run/a")), b = xml_of(spec_at("/run/b"));
  const auto uuid = [](const std::string& xml) { return xml.substr(xml.find("<uuid>") + 6, 36); };
  CHECK(uuid(a) != uuid(b));
  CHECK(uuid(a)[14] == '8');
  CHECK(std::string("89ab").find(uuid(a)[19]) != std::string::npos);
  // The guest's is that of the VM, on both.
  CHECK(has(a, "<qemu:arg value='-uuid'/><qemu:arg value='6f1d7a3e-0b52-4d8c-9a57-3c1c5f2d9e10'/>"));
}

TEST_CASE("the board is libvirt's, the devices are passed through, nothing twice") {
  const std::string xml = xml_of(spec_at("/run/a"));
  CHECK(has(xml, "<domain type='qemu'"));
  CHECK(has(xml_of(spec_at("/run/a"), true), "<domain type='kvm'"));
  CHECK(has(xml, "<maxMemory slots='1' unit='KiB'>1572864</maxMemory><memory unit='KiB'>524288</memory>"));
  CHECK(has(xml, "<vcpu current='1'>4</vcpu>"));
  CHECK(has(xml, "path=/run/a/monitor.sock"));
  CHECK(has(xml, "virtio-mem-pci,id=vm0"));
  CHECK(has(xml, "value='-only-migratable'"));
  for (const char* ours : {"'-machine'", "'-m'", "'-smp'", "'-accel'", "'-sandbox'", "id=ram0", "fd="}) {
    INFO(ours);
    CHECK_FALSE(has(xml, ours));
  }
}

TEST_CASE("what a user chose stays text in XML") {
  CHECK(escape_xml(R"(a<b>&'c"d)") == "a&lt;b&gt;&amp;&apos;c&quot;d");
  MachineSpec spec = spec_at("/run/a");
  spec.kernel = "/boot/vmlinuz";
  spec.cmdline = "x='1' <y>";
  CHECK(has(xml_of(spec), "<qemu:arg value='x=&apos;1&apos; &lt;y&gt;"));
}

}  // namespace
}  // namespace neonvm::qemu
