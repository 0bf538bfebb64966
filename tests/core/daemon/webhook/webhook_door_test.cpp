// The webhook's door over a socket: questions in, answers out, and what is no question.
#include "core/daemon/webhook_door.hpp"

#include "tests/core/runtime/peer.hpp"
#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;

namespace {

struct Door {
  TempDir dir;
  Backstage stage;
  std::unique_ptr<HttpServer> server;
  std::vector<std::string> told;
  Endpoint at;

  Door() {
    stage.on_loop([this] {
      server = std::make_unique<HttpServer>(stage.loop);
      daemon::serve_webhooks(*server, {{"default/old"}, [this](const std::string& kind, const std::string& ns, const std::string& name,
                                                               bool let_through, const std::string& why) {
                                         told.push_back(kind + " " + ns + "/" + name + (let_through ? " let through: " : " refused: ") + why);
                                       }});
      at = server->listen({Endpoint::Scheme::unix_socket, dir / "door", 0}).value();
    });
  }
  ~Door() {
    stage.on_loop([this] { server.reset(); });
  }
  [[nodiscard]] HttpResponse ask(const std::string& path, const std::string& body) const {
    return http_call(at, {"POST", path, {}, body, ""}, soon()).value();
  }
};

std::string review(const std::string& name, const std::string& operation, const std::string& spec, const std::string& before) {
  return R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u7","kind":{"kind":"VirtualMachine"},)"
         R"("namespace":"default","name":")" + name + R"(","operation":")" + operation + R"(","object":{"spec":)" + spec +
         R"(},"oldObject":{"spec":)" + before + "}}}";
}

const std::string small = R"({"guest":{"cpus":{"min":0.5,"max":1,"use":1},"memorySlots":{"min":1,"max":1,"use":1}}})";
const std::string large = R"({"guest":{"cpus":{"min":0.5,"max":2,"use":1},"memorySlots":{"min":1,"max":1,"use":1}}})";

}  // namespace

TEST_CASE("an API server's questions are answered at upstream's paths") {
  const Door door;
  const auto changed = door.ask("/mutate-vm-neon-tech-v1-virtualmachine?timeout=2s", review("web", "CREATE", small, "null"));
  CHECK(changed.status == 200);
  CHECK(changed.body.find("\"patch\":\"") != std::string::npos);
  const auto good = door.ask("/validate-vm-neon-tech-v1-virtualmachine?timeout=2s", review("web", "CREATE", small, "null"));
  CHECK(good.body.find("\"allowed\":true,\"uid\":\"u7\"") != std::string::npos);
  CHECK(door.told.empty());
  const auto bad = door.ask("/validate-vm-neon-tech-v1-virtualmachine", review("web", "UPDATE", large, small));
  CHECK(bad.body.find("\"allowed\":false") != std::string::npos);
  const auto old = door.ask("/validate-vm-neon-tech-v1-virtualmachine", review("old", "UPDATE", large, small));
  CHECK(old.body.find("\"allowed\":true") != std::string::npos);
  REQUIRE(door.told.size() == 2);
  CHECK(door.told[0].find("VirtualMachine default/web refused: spec.guest.cpus.max: is fixed") == 0);
  CHECK(door.told[1].find("VirtualMachine default/old let through: ") == 0);
  CHECK(door.ask("/validate-vm-neon-tech-v1-virtualmachinemigration", review("m", "CREATE", "{}", "null")).status == 200);
}

TEST_CASE("what is no question is refused") {
  const Door door;
  CHECK(door.ask("/validate-vm-neon-tech-v1-virtualmachine", "{}").status == 400);
  CHECK(door.ask("/validate-vm-neon-tech-v1-virtualmachine", "").status == 400);
  CHECK(door.ask("/convert", "{}").status == 404);
}
