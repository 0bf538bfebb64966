#include <sys/wait.h>

#include <cstdlib>

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"
#include "tests/core/runtime/peer.hpp"
#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

void sh(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(("( " + command + " ) >/dev/null 2>&1").c_str()) == 0);
}

// Two authorities, and certificates by either.
struct Papers {
  TempDir dir;

  Papers() {
    authority("ours");
    authority("theirs");
    certificate("server", "ours", "IP:127.0.0.1,DNS:runner.test");
    certificate("client", "ours", "DNS:client.test");
    certificate("stranger", "theirs", "DNS:client.test");
    certificate("impostor", "theirs", "IP:127.0.0.1");
    certificate("elsewhere", "ours", "IP:10.9.8.7");
  }
  void authority(const std::string& name) const {
    sh("cd " + dir.path() + " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" +
       name + " -keyout " + name + ".key -out " + name + ".pem");
  }
  void certificate(const std::string& name, const std::string& by, const std::string& names) const {
    sh("cd " + dir.path() + " && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=" + name +
       " -addext subjectAltName=" + names + " -keyout " + name + ".key -out " + name +
       ".csr && openssl x509 -req -days 2 -in " + name + ".csr -CA " + by + ".pem -CAkey " + by +
       ".key -CAcreateserial -copy_extensions copy -out " + name + ".pem");
  }
  [[nodiscard]] TlsFiles of(const std::string& name, const std::string& ca, const std::string& server_name = "") const {
    const auto file = [&](const std::string& stem, const char* end) { return stem.empty() ? "" : dir / (stem + end); };
    return {file(name, ".pem"), file(name, ".key"), file(ca, ".pem"), server_name};
  }
};

struct SafeServer {
  Backstage stage;
  std::unique_ptr<HttpServer> server;
  std::vector<std::shared_ptr<Channel>> channels;
  Endpoint at;

  explicit SafeServer(const TlsFiles& files) {
    HttpServerOptions options;
    options.tls = files;
    stage.on_loop([&] {
      server = std::make_unique<HttpServer>(stage.loop, std::move(options));
      server->route("POST", "/echo", [](HttpRequest request, Responder respond) { respond({200, {}, request.body}); });
      server->channel("/echo", [this](HttpRequest, const std::shared_ptr<Channel>& channel) {
        channels.push_back(channel);
        channel->on_message([channel = channel.get()](ChannelMessage m) { channel->send_binary(std::move(m.data)); });
      });
      const Result<Endpoint> opened = server->listen({Endpoint::Scheme::tls, "127.0.0.1", 0});
      REQUIRE(opened.ok());
      at = *opened;
    });
  }
  ~SafeServer() {
    stage.on_loop([&] { server.reset(); });
  }
  [[nodiscard]] Result<HttpResponse> call(const TlsFiles& files, const std::string& body = "hello") const {
    HttpClientOptions client;
    client.tls = files;
    return http_call(at, {"POST", "/echo", {}, body, ""}, soon(), client);
  }
};

const Papers& papers() {
  static const Papers made;
  return made;
}

}  // namespace

TEST_CASE("mutual TLS: both sides show papers of the same authority") {
  const SafeServer server(papers().of("server", "ours"));
  const Result<HttpResponse> response = server.call(papers().of("client", "ours"));
  INFO((response.ok() ? "" : response.error().message));
  REQUIRE(response.ok());
  CHECK(response->body == "hello");
  const std::string large(5 << 20, 'x');
  CHECK(server.call(papers().of("client", "ours"), large)->status == 413);
  CHECK(server.call(papers().of("client", "ours"), large.substr(0, 3 << 20))->body.size() == (3u << 20));
  CHECK(server.call(papers().of("client", "ours", "runner.test"))->body == "hello");
}

TEST_CASE("a client without papers, or with another authority's, is refused") {
  const SafeServer server(papers().of("server", "ours"));
  CHECK_FALSE(server.call(papers().of("", "ours")).ok());
  CHECK_FALSE(server.call(papers().of("stranger", "ours")).ok());
  CHECK(server.call(papers().of("client", "ours")).ok());
}

TEST_CASE("a server that is for one client lets no other in, though the authority is theirs") {
  TlsFiles files = papers().of("server", "ours");
  files.client_name = "client.test";
  const SafeServer server(files);
  CHECK(server.call(papers().of("client", "ours"))->body == "hello");
  CHECK_FALSE(server.call(papers().of("elsewhere", "ours")));
  CHECK_FALSE(server.call(papers().of("server", "ours")));
}

TEST_CASE("a client refuses a server of another authority, or of another name") {
  const SafeServer impostor(papers().of("impostor", "ours"));
  const Result<HttpResponse> refused = impostor.call(papers().of("client", "ours"));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Code::permission_denied);
  CHECK(refused.error().message.find("certificate") != std::string::npos);
  CHECK_FALSE(impostor.call(papers().of("client", "")).ok());
  const SafeServer elsewhere(papers().of("elsewhere", "ours"));
  CHECK(elsewhere.call(papers().of("client", "ours")).error().message.find("IP address mismatch") != std::string::npos);
  const SafeServer server(papers().of("server", "ours"));
  CHECK(server.call(papers().of("client", "ours", "other.test")).error().message.find("mismatch") != std::string::npos);
}

TEST_CASE("plain HTTP to a TLS port, and TLS to a plain one, end at once") {
  const SafeServer server(papers().of("server", "ours"));
  Endpoint plain = server.at;
  plain.scheme = Endpoint::Scheme::tcp;
  const Result<HttpResponse> refused = http_call(plain, {"GET", "/", {}, "", ""}, soon());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code != Code::deadline_exceeded);

  Backstage stage;
  std::unique_ptr<HttpServer> open;
  Endpoint at;
  stage.on_loop([&] {
    open = std::make_unique<HttpServer>(stage.loop);
    at = *open->listen({Endpoint::Scheme::tcp, "127.0.0.1", 0});
  });
  at.scheme = Endpoint::Scheme::tls;
  HttpClientOptions client;
  client.tls = papers().of("client", "ours");
  const Result<HttpResponse> other = http_call(at, {"GET", "/", {}, "", ""}, soon(), client);
  REQUIRE_FALSE(other.ok());
  CHECK(other.error().code == Code::permission_denied);
  stage.on_loop([&] { open.reset(); });
}

TEST_CASE("channels over TLS") {
  const SafeServer server(papers().of("server", "ours"));
  HttpClientOptions client;
  client.tls = papers().of("client", "ours");
  Result<std::unique_ptr<BlockingChannel>> channel = open_channel(server.at, "/echo", soon(), client);
  REQUIRE(channel.ok());
  const std::string large(3 << 20, 'y');
  REQUIRE((*channel)->send({true, large}, soon()).ok());
  REQUIRE((*channel)->send({true, "small"}, soon()).ok());
  CHECK((*channel)->receive(soon())->data == large);
  CHECK((*channel)->receive(soon())->data == "small");

  Loop loop;
  std::shared_ptr<Channel> open;
  std::string got;
  connect_channel(loop, server.at, "/echo", loop.now() + 10s, client, [&](Result<std::shared_ptr<Channel>> result) {
    REQUIRE(result.ok());
    open = *result;
    open->on_message([&](ChannelMessage message) { got = std::move(message.data); });
    open->send_binary(large);
  });
  CHECK(loop.run_until([&] { return got == large; }));
}

TEST_CASE("a channel over TLS that rests keeps its connection, and no more") {
  SafeServer server(papers().of("server", "ours"));
  HttpClientOptions client;
  client.tls = papers().of("client", "ours");
  Loop loop;
  std::shared_ptr<Channel> here;
  connect_channel(loop, server.at, "/echo", soon(), client, [&](Result<std::shared_ptr<Channel>> opened) {
    REQUIRE(opened.ok());
    here = *opened;
    here->on_message([](ChannelMessage) {});
  });
  REQUIRE(loop.run_until([&] { return here != nullptr; }));
  server.stage.on_loop([&] { server.channels.at(0)->rest(); });
  const UniqueFd bare = here->detach();
  REQUIRE(bare);
  bool stirred = false;
  const FdWatch watch = loop.watch_readable(bare.get(), [&] { stirred = true; });
  CHECK_FALSE(loop.run_until([&] { return stirred; }, 50ms));
  server.stage.on_loop([&] { server.channels.at(0)->close(); });
  CHECK(loop.run_until([&] { return stirred; }));
}

TEST_CASE("a renewed certificate is used without a restart, a bad one is not") {
  const Papers own;
  const SafeServer server(own.of("server", "ours"));
  CHECK(server.call(own.of("client", "ours")).ok());
  write_file(own.dir / "server.pem", "not a certificate");
  CHECK(server.call(own.of("client", "ours")).ok());
  sh("cd " + own.dir.path() + " && cp elsewhere.pem server.pem && cp elsewhere.key server.key");
  const Result<HttpResponse> renewed = server.call(own.of("client", "ours"));
  REQUIRE_FALSE(renewed.ok());
  CHECK(renewed.error().message.find("IP address mismatch") != std::string::npos);
}

TEST_CASE("TLS files that are missing or wrong are told when listening or calling") {
  Loop loop;
  const auto listened = [&](std::optional<TlsFiles> files) {
    HttpServerOptions options;
    options.tls = std::move(files);
    HttpServer server(loop, std::move(options));
    return server.listen({Endpoint::Scheme::tls, "127.0.0.1", 0}).error();
  };
  CHECK(listened(std::nullopt).message.find("no TLS files") != std::string::npos);
  CHECK(listened(TlsFiles{}).message.find("needs a certificate") != std::string::npos);
  TlsFiles mixed = papers().of("server", "ours");
  mixed.key = papers().dir / "client.key";
  CHECK(listened(mixed).message.find("client.key") != std::string::npos);
  HttpClientOptions client;
  client.tls = TlsFiles{"", "", "/nonexistent/ca.pem", ""};
  const Result<HttpResponse> none = http_call({Endpoint::Scheme::tls, "127.0.0.1", 1}, {}, soon(), client);
  REQUIRE_FALSE(none.ok());
}
