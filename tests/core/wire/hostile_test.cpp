// Input of those who mean harm: a guest that was taken over, a manifest from the network.
#include <rapidcheck.h>

#include "core/wire/headroom_protocol.hpp"
#include "core/wire/model_json.hpp"
#include "tests/core/wire/draw.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

namespace {

// Every door through which text comes in; each must answer, whatever it is.
bool accepts_any(std::string_view text) {
  bool any = false;
  any |= decode_object(text).ok();
  any |= decode_vm_status(text).ok();
  any |= decode_migration_spec(text).ok();
  any |= decode_migration_status(text).ok();
  any |= decode_machine_spec(text).ok();
  any |= decode_machine_event(text).ok();
  any |= decode_runner_spec(text).ok();
  any |= decode_runner_status(text).ok();
  any |= decode_scaling_config(text).ok();
  any |= decode_event(text).ok();
  any |= decode_guest_message(text).ok();
  any |= decode_guest_sample(text).ok();
  any |= decode_runner_message(text).ok();
  any |= decode_exec_request(text).ok();
  any |= decode_permit_request(text).ok();
  any |= decode_headroom_request(text).ok();
  any |= decode_headroom_answer(text).ok();
  any |= decode_permit_response(text).ok();
  any |= monitor::decode_from_agent(text).ok();
  any |= monitor::decode_from_monitor(text).ok();
  any |= monitor::decode_range(text).ok();
  any |= monitor::decode_version(text).ok();
  Object object;
  object.spec = std::string(text);
  any |= decode_vm_spec(object).ok();
  any |= decode_node(object).ok();
  object.annotations["autoscaling.neon.tech/bounds"] = std::string(text);
  object.annotations["autoscaling.neon.tech/config"] = std::string(text);
  object.annotations["neonvm.dev/policy"] = std::string(text);
  object.annotations["neonvm.dev/host-ports"] = std::string(text);
  object.spec = R"({"guest":{}})";
  any |= decode_vm_spec(object).ok();
  return any;
}

std::string repeated(const char* piece, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += piece;
  return all;
}

}  // namespace

TEST_CASE("deep nesting is refused, not followed") {
  for (const char* piece : {"[", "{\"a\":", "[{\"type\":", "[[]," }) {
    const std::string text = repeated(piece, 1'000'000);
    CHECK_FALSE(accepts_any(text));
  }
  const std::string closed = repeated("[", 500'000) + repeated("]", 500'000);
  CHECK_FALSE(accepts_any(closed));
  CHECK(decode_vm_status(closed).error().message == "not valid JSON: nested deeper than 64");
}

TEST_CASE("64 levels are read, 65 are not") {
  const auto nested = [](std::size_t depth) {
    return R"({"type":"x","y":)" + repeated("[", depth - 1) + repeated("]", depth - 1) + "}";
  };
  CHECK(decode_guest_message(nested(64)).ok());
  CHECK_FALSE(decode_guest_message(nested(65)).ok());
}

TEST_CASE("numbers without measure") {
  const auto load = [](const std::string& number) {
    return decode_guest_message(R"({"type":"sample","sample":{"load1":)" + number + "}}");
  };
  CHECK_FALSE(load("1e400").ok());
  CHECK_FALSE(load("-1e400").ok());
  CHECK_FALSE(load("NaN").ok());
  CHECK_FALSE(load("Infinity").ok());
  CHECK(load("1e-400").ok());
  CHECK(load(repeated("9", 300)).ok());
  const auto id = [](const char* number) {
    return decode_guest_message(std::string(R"({"type":"ping","id":)") + number + "}");
  };
  CHECK(id("18446744073709551615").ok());
  for (const char* bad : {"18446744073709551616", "-1", "1.5", "1e30", "\"7\"", "true", "null", "[]", "{}"}) {
    INFO(bad);
    CHECK_FALSE(id(bad).ok());
  }
  const auto status = [](const char* number) {
    return decode_runner_status(std::string(R"({"pid":)") + number + "}");
  };
  CHECK(status("-9223372036854775808").ok());
  CHECK(status("9223372036854775807").ok());
  CHECK_FALSE(status("9223372036854775808").ok());
  CHECK_FALSE(status("-9223372036854775809").ok());
}

TEST_CASE("sizes without measure") {
  const auto want = [](const std::string& memory) {
    return decode_guest_message(R"({"type":"wantMemory","memory":)" + memory + "}");
  };
  for (const char* bad : {"-1", "\"-1Gi\"", "\"1e400\"", "1e400", "\"9Ei\"", "\"\"", "true", "[1]", "\"\\u0000\""}) {
    INFO(bad);
    CHECK_FALSE(want(bad).ok());
  }
  CHECK(want("1e3").ok());
  CHECK(std::get<WantMemory>(*want("\"1e3\"")).memory == Bytes{1000});
}

TEST_CASE("durations do not overflow") {
  CHECK_FALSE(decode_migration_spec(R"({"vmName":"a","completionTimeout":9223372036854775807})").ok());
  CHECK_FALSE(decode_migration_spec(R"({"vmName":"a","completionTimeout":-1})").ok());
  CHECK_FALSE(decode_runner_message(R"({"id":1,"type":"stop","graceMs":9223372036854775807})").ok());
}

TEST_CASE("a key that comes twice is refused") {
  CHECK(decode_guest_message(R"({"type":"ping","id":1,"id":2})").error().message ==
        "not valid JSON: the key \"id\" is there twice");
  CHECK_FALSE(accepts_any(R"({"type":"ping","id":1,"content":{"a":1,"a":1}})"));
}

TEST_CASE("text that is not UTF-8 is refused on the way in and replaced on the way out") {
  CHECK_FALSE(accepts_any("{\"type\":\"\xff\"}"));
  CHECK_FALSE(accepts_any("{\"type\":\"\xc3\"}"));
  CHECK_FALSE(accepts_any("{\"type\":\"\xed\xa0\x80\"}"));
  CHECK_FALSE(decode_guest_message(R"({"type":"\ud800"})").ok());
  const std::string line = encode(GuestMessage{LinkError{"a\xff\xfe"}});
  CHECK(std::get<LinkError>(*decode_guest_message(line)).error == "a\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("an error carries no control characters of the input") {
  for (const char* text : {"{\"ty\x1b[31mpe\":1}", "{\"type\":\"\x01\"}", "\x1b[2J", "{\"\\u001b[2J\":1}",
                           "{\"phase\":\"\\u001b[2J\"}"}) {
    const auto refused = decode_vm_status(text);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find('\x1b') == std::string::npos);
    CHECK(refused.error().message.find('\x01') == std::string::npos);
  }
}

TEST_CASE("an error stays short however long the input") {
  const std::string key(1'000'000, 'k');
  const auto refused = decode_vm_status("{\"" + key + "\":1}");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.size() < 400);
  std::string many = "{";
  for (int i = 0; i < 10'000; ++i) many += (i == 0 ? "\"x" : ",\"x") + std::to_string(i) + "\":1";
  const auto all = decode_vm_status(many + "}");
  REQUIRE_FALSE(all.ok());
  CHECK(all.error().message.size() < 1000);
  CHECK(all.error().message.find("and 9990 more") != std::string::npos);
}

TEST_CASE("a line that is too long is not even parsed") {
  const std::string line = R"({"type":"error","error":")" + std::string(max_line, 'x') + "\"}";
  CHECK(decode_guest_message(line).error().message ==
        "a line of " + std::to_string(line.size()) + " bytes; at most 65536 are read");
}

TEST_CASE("base64 is strict") {
  const auto data = [](const char* text) {
    return decode_guest_message(std::string(R"({"type":"data","id":1,"stream":"file","data":")") + text + "\"}");
  };
  CHECK(data("").ok());
  CHECK(std::get<StreamData>(*data("AP8=")).bytes == std::string("\x00\xff", 2));
  for (const char* bad : {"a", "ab", "abc", "ab=c", "ab==c", "====", "a===", "aGk", "aG k", "aGl=", "aB==", "aGk=aGk="}) {
    INFO(bad);
    CHECK_FALSE(data(bad).ok());
  }
}

TEST_CASE("times are checked") {
  const auto at = [](const char* text) {
    return decode_runner_status(std::string(R"({"startedAt":")") + text + "\"}");
  };
  CHECK(at("2025-09-23T10:00:00Z")->started == at("2025-09-23T12:30:00+02:30")->started);
  CHECK(at("2025-09-23T10:00:00.5Z")->started - at("2025-09-23T10:00:00Z")->started == std::chrono::milliseconds{500});
  CHECK(at("2024-02-29T00:00:00.123456789Z").ok());
  for (const char* bad : {"", "2025", "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-01-01T24:00:00Z",
                          "2025-01-01T00:60:00Z", "2025-01-01T00:00:00", "2025-01-01 00:00:00Z", "0000-01-01T00:00:00Z",
                          "2025-01-01T00:00:00Zx", "2025-01-01T00:00:00.Z", "yesterday"}) {
    INFO(bad);
    CHECK_FALSE(at(bad).ok());
  }
}

TEST_CASE("names that lead elsewhere are refused") {
  for (const char* name : {"../a", "a/b/c", "a/", "/a", "a/..", "../..", "A/b", "/etc", "a..b", ".", "..", "a.", ".a", "A", "a b", "a\\u0000b"}) {
    INFO(name);
    CHECK_FALSE(decode_object(std::string(R"({"apiVersion":"vm.neon.tech/v1","kind":"VirtualMachine","metadata":{"name":")") +
                              name + "\"}}").ok());
  }
  // Dots as Kubernetes allows them; a namespace before it, from an orchestrator that sees many.
  for (const char* name : {"a.b-1", "prod/web", "prod/a.b"}) {
    INFO(name);
    CHECK(decode_object(std::string(R"({"apiVersion":"vm.neon.tech/v1","kind":"VirtualMachine","metadata":{"name":")") + name + "\"}}").ok());
  }
}

TEST_CASE("wrong kinds and versions of objects") {
  const auto refusal = [](const char* text) { return decode_object(text).error().message; };
  CHECK(refusal("{}") == "apiVersion: is missing\nkind: is missing\nmetadata: is missing");
  CHECK(refusal(R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}})") ==
        "apiVersion: \"v1\" is not known for this kind; give neonvm.dev/v1");
  CHECK(refusal(R"({"apiVersion":"vm.neon.tech/v1","kind":"VirtualMachin","metadata":{"name":"a"}})")
            .find("did you mean VirtualMachine?") != std::string::npos);
  CHECK(refusal(R"({"apiVersion":"vm.neon.tech/v1","kind":"VirtualMachine","metadata":{"name":"a"},"spec":[]})") ==
        "spec: expected an object, found a list");
  CHECK(refusal(R"({"apiVersion":"vm.neon.tech/v1","kind":"VirtualMachine","metadata":{"nmae":"a"}})") ==
        "metadata.name: is missing\nmetadata.nmae: is not known; did you mean name?");
}

TEST_CASE("any text at all is answered") {
  CHECK(rc::check("bytes", [] { (void)accepts_any(draw::raw()); }));
  CHECK(rc::check("messages with a byte changed", [] {
    std::string text = encode(draw::guest_message());
    text[draw::below(text.size())] = static_cast<char>(draw::below(256));
    (void)accepts_any(text);
  }));
  CHECK(rc::check("messages cut short", [] {
    const std::string text = encode(draw::runner_message());
    CHECK_FALSE(decode_runner_message(text.substr(0, draw::below(text.size()))).ok());
  }));
}
