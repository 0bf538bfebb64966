// The texts of the protocols, as they stand in the references and in the headers.
#include <cmath>

#include "core/wire/guest_protocol.hpp"
#include "core/wire/monitor_protocol.hpp"
#include "core/wire/permit_protocol.hpp"
#include "core/wire/runner_protocol.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

TEST_CASE("a permit request is upstream's, byte by byte") {
  PermitRequest request;
  request.runner = "example-abc12";
  request.compute_unit = {MilliCpu{250}, Bytes{gib}};
  request.wanted = {MilliCpu{500}, Bytes{2 * gib}};
  request.last_permit = Resources{MilliCpu{250}, Bytes{gib}};
  request.load1 = 0.3;
  const std::string text =
      R"({"protoVersion":7,"pod":{"namespace":"default","name":"example-abc12"},)"
      R"("computeUnit":{"vCPUs":"250m","mem":"1Gi"},"resources":{"vCPUs":"500m","mem":"2Gi"},)"
      R"("lastPermit":{"vCPUs":"250m","mem":"1Gi"},"metrics":{"loadAvg1M":0.3}})";
  CHECK(encode(request) == text);
  CHECK(decode_permit_request(text).value() == request);
  request.last_permit.reset();
  request.load1.reset();
  request.wanted = {MilliCpu{2000}, Bytes{1000}};
  const std::string bare =
      R"({"protoVersion":7,"pod":{"namespace":"default","name":"example-abc12"},)"
      R"("computeUnit":{"vCPUs":"250m","mem":"1Gi"},"resources":{"vCPUs":2,"mem":1000},)"
      R"("lastPermit":null,"metrics":null})";
  CHECK(encode(request) == bare);
  CHECK(decode_permit_request(bare).value() == request);
}

TEST_CASE("the example in the permit header is read") {
  const auto request = decode_permit_request(
      R"({"protoVersion":7,"pod":{"namespace":"default","name":"web-x1"},"computeUnit":{"vCPUs":"250m","mem":"1Gi"},
          "resources":{"vCPUs":"500m","mem":"2Gi"},"lastPermit":null,"metrics":{"loadAvg1M":0.3},"future":[]})");
  REQUIRE(request.ok());
  CHECK(request->runner == "web-x1");
  CHECK(request->load1 == 0.3);
}

TEST_CASE("a permit response is upstream's, byte by byte") {
  CHECK(encode(PermitResponse{{MilliCpu{500}, Bytes{2 * gib}}, false}) == R"({"permit":{"vCPUs":"500m","mem":"2Gi"}})");
  CHECK(encode(PermitResponse{{MilliCpu{500}, Bytes{2 * gib}}, true}) ==
        R"({"permit":{"vCPUs":"500m","mem":"2Gi"},"migrate":{}})");
  CHECK(decode_permit_response(R"({"permit":{"vCPUs":1.5,"mem":"1536Mi"},"migrate":{}})").value() ==
        PermitResponse{{MilliCpu{1500}, Bytes{1536 * mib}}, true});
}

TEST_CASE("a permit without what it needs is refused") {
  CHECK(decode_permit_request("{}").error().message ==
        "protoVersion: is missing\npod: is missing\ncomputeUnit: is missing\nresources: is missing");
  CHECK(decode_permit_response(R"({"permit":{"vCPUs":1}})").error().message == "permit.mem: is missing");
  CHECK(decode_permit_response(R"({"permit":{"vCPUs":-1,"mem":1}})").error().message ==
        "permit.vCPUs: \"-1\" is negative; give a number of CPUs, such as 2, 0.25 or 250m");
}

TEST_CASE("the monitor's handshake") {
  CHECK(monitor::encode_range({1, 1}) == R"({"min":1,"max":1})");
  CHECK(monitor::decode_range(R"({"min":1,"max":1})").value() == monitor::Range{1, 1});
  CHECK_FALSE(monitor::decode_range(R"({"min":2,"max":1})").ok());
  CHECK(monitor::encode_version(1) == R"({"version":1})");
  CHECK(monitor::decode_version(R"({"version":1})").value() == 1);
  CHECK(monitor::encode_version_error("no common version") == R"({"error":"no common version"})");
  const auto refused = monitor::decode_version(R"({"error":"no common version"})");
  CHECK(refused.error().code == Code::refused);
  CHECK(refused.error().message == "no common version");
  CHECK(monitor::decode_version(R"({"error":""})").error().message == "the peer refused and gave no reason");
  CHECK(monitor::decode_version("{}").error().message == "version: is missing");
}

TEST_CASE("what an agent tells a monitor") {
  using namespace neonvm::wire::monitor;
  const std::pair<Message, const char*> all[] = {
      {{2, UpscaleNotification{0.5, Bytes{gib}}},
       R"({"content":{"granted":{"cpu":0.5,"mem":1073741824}},"type":"UpscaleNotification","id":2})"},
      {{4, DownscaleRequest{0.25, Bytes{1024}}},
       R"({"content":{"target":{"cpu":0.25,"mem":1024}},"type":"DownscaleRequest","id":4})"},
      {{6, HealthCheck{}}, R"({"content":{},"type":"HealthCheck","id":6})"},
      {{8, InvalidMessage{"what?"}}, R"({"content":{"error":"what?"},"type":"InvalidMessage","id":8})"},
      {{8, InternalError{"oh"}}, R"({"content":{"error":"oh"},"type":"InternalError","id":8})"}};
  for (const auto& [message, text] : all) {
    CHECK(encode_from_agent(message) == text);
    CHECK(decode_from_agent(text).value() == message);
  }
}

TEST_CASE("what a monitor tells an agent") {
  using namespace neonvm::wire::monitor;
  const std::pair<Message, const char*> all[] = {
      {{3, UpscaleRequest{}}, R"({"type":"UpscaleRequest","id":3})"},
      {{2, UpscaleConfirmation{}}, R"({"type":"UpscaleConfirmation","id":2})"},
      {{4, DownscaleResult{true, "ok"}}, R"({"type":"DownscaleResult","id":4,"Ok":true,"Status":"ok"})"},
      {{6, HealthCheck{}}, R"({"type":"HealthCheck","id":6})"},
      {{6, InternalError{"oh"}}, R"({"type":"InternalError","id":6,"error":"oh"})"},
      {{6, InvalidMessage{"oh"}}, R"({"type":"InvalidMessage","id":6,"error":"oh"})"}};
  for (const auto& [message, text] : all) {
    CHECK(encode_from_monitor(message) == text);
    CHECK(decode_from_monitor(text).value() == message);
  }
  const Message denied{4, DownscaleResult{false, "full"}};
  CHECK(decode_from_monitor(R"({"ok":false,"status":"full","type":"DownscaleResult","id":4.0})").value() == denied);
}

TEST_CASE("monitor messages that cannot be read") {
  using namespace neonvm::wire::monitor;
  CHECK(decode_from_agent(R"({"type":"Dance","content":{},"id":2})")->body == Body{Unknown{"Dance"}});
  CHECK(decode_from_monitor(R"({"type":"Dance","id":2})")->body == Body{Unknown{"Dance"}});
  CHECK(decode_from_agent(R"({"type":"UpscaleNotification","id":2})").error().message == "content: is missing");
  CHECK(decode_from_agent(R"({"type":"UpscaleNotification","id":2,"content":{"granted":{"cpu":-1,"mem":1}}})")
            .error().message == "content.granted.cpu: is negative");
  CHECK_FALSE(decode_from_agent(R"({"type":"HealthCheck"})").ok());
  CHECK_FALSE(decode_from_agent(R"({"type":"HealthCheck","id":-2})").ok());
  CHECK_FALSE(decode_from_agent(R"({"type":7,"id":2})").ok());
  CHECK_FALSE(decode_from_monitor(R"({"type":"DownscaleResult","id":4,"Ok":"yes","Status":""})").ok());
}

TEST_CASE("the examples in the guest protocol's header") {
  const auto hello = decode_guest_message(
      R"({"type":"hello","schema":1,"session":"5f0c","version":"0.1.0","cpusPresent":4,"cpusOnline":1,"features":["exec"]})");
  CHECK(std::get<Hello>(*hello) == Hello{1, "5f0c", "0.1.0", 4, 1, {"exec"}});
  CHECK(encode(*hello) ==
        R"({"cpusOnline":1,"cpusPresent":4,"features":["exec"],"schema":1,"session":"5f0c","type":"hello","version":"0.1.0"})"
        "\n");
  const auto sample = decode_guest_message(R"({"type":"sample","sample":{"load1":1.5},"event":"memory"})");
  CHECK(std::get<SampleMessage>(*sample).sample.load1 == 1.5);
  CHECK(std::get<SampleMessage>(*sample).event == "memory");
  const auto want = decode_guest_message(R"({"type":"wantMemory","memory":"1536Mi","why":"cache"})");
  CHECK(std::get<WantMemory>(*want) == WantMemory{Bytes{1536 * mib}, "cache"});
  const auto ended = decode_guest_message(R"({"type":"workloadEnded","exitCode":137,"why":"killed","starts":2,"again":true})");
  CHECK(std::get<WorkloadEnded>(*ended) == WorkloadEnded{137, "killed", 2, true});
  const auto cpus = decode_guest_message(R"({"type":"setCpus","id":7,"count":3,"revision":12})");
  CHECK(std::get<SetCpus>(*cpus) == SetCpus{7, 3, {12, 0}});
  CHECK(encode(*cpus) == "{\"count\":3,\"id\":7,\"revision\":12,\"type\":\"setCpus\"}\n");
  const auto data = decode_guest_message(R"({"type":"data","id":7,"stream":"stdout","data":"aGk=","end":false})");
  CHECK(std::get<StreamData>(*data) == StreamData{7, Stream::stdout_, "hi", false});
  const auto ack = decode_guest_message(R"({"type":"ack","id":7,"stream":"stdout","bytes":32768})");
  CHECK(std::get<Ack>(*ack) == Ack{7, Stream::stdout_, 32768});
  const auto signal = decode_guest_message(R"({"type":"signal","id":7,"signal":2})");
  CHECK(std::get<Signal>(*signal) == Signal{7, 2});
  const auto error = decode_guest_message(R"({"type":"error","error":"what?"})");
  CHECK(std::get<LinkError>(*error) == LinkError{"what?"});
}

TEST_CASE("a revision with flags, and sizes as numbers, are read too") {
  const auto ask = decode_guest_message(
      R"({"type":"askConsent","id":1,"target":{"cpu":0.25,"memory":1073741824},"revision":{"value":3,"flags":2}})");
  CHECK(std::get<AskConsent>(*ask) == AskConsent{1, {MilliCpu{250}, Bytes{gib}}, {3, 2}, false});
}

TEST_CASE("unknown types and members are for a newer guest") {
  CHECK(std::get<UnknownMessage>(*decode_guest_message(R"({"type":"dance","x":[1]})")).type == "dance");
  CHECK(std::get<Ping>(*decode_guest_message(R"({"type":"ping","id":3,"mood":"good"})")).id == 3);
  CHECK(std::holds_alternative<UnknownMessage>(*decode_guest_message(R"({"type":""})")));
}

TEST_CASE("what is not known is left out of a sample") {
  CHECK(encode(GuestSample{}) == R"({"onlineCpus":0,"oomKills":0})");
  const GuestSample nothing = decode_guest_sample("{}").value();
  CHECK(std::isnan(nothing.load1));
  CHECK(std::isnan(nothing.memory.some));
  CHECK_FALSE(is_known(nothing.memory_total));
  GuestSample some;
  some.load1 = 0;
  some.memory_free = Bytes{0};
  some.io.full = 0.5;
  CHECK(encode(some) == R"({"io":{"full":0.5},"load1":0.0,"memoryFree":0,"onlineCpus":0,"oomKills":0})");
  some.load5 = std::numeric_limits<double>::infinity();
  CHECK(encode(some).find("load5") == std::string::npos);
}

TEST_CASE("runner messages") {
  CHECK(encode(RunnerMessage{3, Resize{{MilliCpu{2000}, Bytes{gib}}, {9, 0}}}) ==
        R"({"id":3,"revision":9,"size":{"cpu":2,"memory":"1Gi"},"type":"resize"})");
  CHECK(encode(RunnerMessage{4, GetReport{}}) == R"({"id":4,"type":"getReport"})");
  CHECK(std::get<Stop>(decode_runner_message(R"({"id":1,"type":"stop","graceMs":5000})")->body).grace ==
        std::chrono::seconds{5});
  CHECK(std::get<Subscribe>(decode_runner_message(R"({"id":1,"type":"subscribe","new":0})")->body).samples);
  const auto reply = decode_runner_message(R"({"id":1,"type":"reply","ok":false,"code":"refused","why":"in use"})");
  CHECK(std::get<RunnerReply>(reply->body).code == Code::refused);
}

TEST_CASE("a type of tomorrow is told by code, and its sender can be answered") {
  const char* text = R"({"id":9,"type":"dance"})";
  CHECK(decode_runner_message(text).error().code == Code::unsupported);
  CHECK(runner_message_id(text) == 9);
  CHECK(runner_message_id(R"({"id":"x"})") == 0);
  CHECK(runner_message_id("nonsense") == 0);
}

TEST_CASE("exec requests") {
  CHECK(decode_exec_request(R"({"argv":["ls"]})")->argv == std::vector<std::string>{"ls"});
  CHECK(decode_exec_request(R"({"op":"put","path":"/a","mode":493})")->mode == 0755);
  CHECK(decode_exec_request(R"({"op":"burn","path":"/a"})").error().code == Code::unsupported);
  CHECK(decode_exec_request("{}").error().message == "argv: is missing");
  CHECK(decode_exec_request(R"({"op":"get"})").error().message == "path: is missing");
  ExecRequest request;
  request.argv = {"sh", "-c", "echo"};
  request.tty = true;
  CHECK(decode_exec_request(encode(request)).value() == request);
  CHECK(encode(ExecEnd{0, ""}) == R"({"exitCode":0})");
  CHECK(decode_exec_end(R"({"error":"no such file"})").value() == ExecEnd{0, "no such file"});
  CHECK(decode_exec_end(R"({"exitCode":143})").value() == ExecEnd{143, ""});
}
