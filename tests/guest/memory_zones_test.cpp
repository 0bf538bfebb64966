#include "guest/memory_zones.hpp"

#include <string>

#include "guest/procfs.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;

namespace {

// From a guest of 512 MiB with 2.5 GiB plugged, shortened; the node's statistics stand in its first zone.
const std::string zoneinfo =
    "Node 0, zone    DMA32\n  per-node stats\n      nr_inactive_anon 7\n      nr_zone_unevictable 99\n      nr_slab_unreclaimable 1112\n"
    "  pages free     110439\n        boost    0\n        min      126\n        low      250\n        high     374\n"
    "        spanned  131041\n        present  130944\n        managed  124271\n        protection: (0, 128, 2560)\n"
    "      nr_free_pages 110439\n      nr_zone_inactive_anon 3\n      nr_zone_active_anon 807\n      nr_zone_inactive_file 20\n"
    "      nr_zone_active_file 30\n      nr_zone_unevictable 427\n      nr_mlock     427\n"
    "  pagesets\n    cpu: 0\n              count: 5\n              high:  42\n              batch: 7\n"
    "Node 0, zone   Normal\n  pages free     31136\n        high     97\n        present  32768\n        managed  32768\n"
    "      nr_zone_active_anon 0\n  pagesets\n"
    "Node 0, zone  Movable\n  pages free     622484\n        high     1875\n        present  655360\n        managed  622592\n"
    "      nr_zone_active_anon 57\n  pagesets\n";
const std::string meminfo = "MemTotal: 1 kB\nKernelStack:         624 kB\nPageTables:          144 kB\nSecPageTables:  4 kB\nPercpu:  184 kB\n";

Bytes pages(std::uint64_t n) { return Bytes{n * 4096}; }

}  // namespace

TEST_CASE("the kernel's zones are summed, and the movable one stands alone") {
  const auto layout = read_memory_layout(zoneinfo, meminfo);
  REQUIRE(layout);
  CHECK(layout->kernel.free == pages(110439 + 31136));
  CHECK(layout->kernel.present == pages(130944 + 32768));
  CHECK(layout->kernel.managed == pages(124271 + 32768));
  CHECK(layout->kernel.high == pages(374 + 97));
  CHECK(layout->kernel.anonymous == pages(810));
  CHECK(layout->kernel.file == pages(50));
  CHECK(layout->kernel.unevictable == pages(427));
  CHECK(layout->movable.free == pages(622484));
  CHECK(layout->movable.present == pages(655360));
  CHECK(layout->movable.managed == pages(622592));
  CHECK_FALSE(is_known(layout->movable.file));
  CHECK(layout->page_tables == Bytes{148 * kib});
  CHECK(layout->kernel_stacks == Bytes{624 * kib});
  CHECK(layout->per_cpu == Bytes{184 * kib});
  CHECK_FALSE(is_known(layout->floor));
}

TEST_CASE("pages may have another size, and numbers may be none") {
  CHECK(read_memory_layout(zoneinfo, meminfo, 65536)->movable.free == Bytes{622484ull * 65536});
  const auto odd = read_memory_layout("Node 0, zone DMA\n  pages free x\n  present 18446744073709551615\n  managed 5\n", "PageTables: -1 kB\n");
  REQUIRE(odd);
  CHECK_FALSE(is_known(odd->kernel.free));
  CHECK_FALSE(is_known(odd->kernel.present));
  CHECK_FALSE(is_known(odd->page_tables));
  CHECK_FALSE(read_memory_layout("", meminfo));
  CHECK_FALSE(read_memory_layout("Node 0, zone Device\n  pages free 5\n", meminfo));
}

TEST_CASE("a sample carries the layout") {
  ProcTexts texts;
  texts.meminfo = meminfo;
  texts.zoneinfo = zoneinfo;
  const GuestSample sample = sample_of(read_proc(texts));
  REQUIRE(sample.layout);
  CHECK(sample.layout->movable.present == pages(655360));
  CHECK_FALSE(sample_of(read_proc({})).layout);
}
