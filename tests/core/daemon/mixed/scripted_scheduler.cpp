#include "tests/core/daemon/mixed/scripted_scheduler.hpp"

#include <algorithm>

#include "core/model/resources.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/recorded_script.hpp"

namespace neonvm::tests {

using nlohmann::json;

namespace {

constexpr std::size_t longest_body = 1024;  // upstream reads no more of it

std::optional<Resources> size_of(const json& request, const char* member) {
  const auto found = request.find(member);
  if (found == request.end() || !found->is_object() || !found->contains("vCPUs") || !found->contains("mem")) return std::nullopt;
  const auto cpu = parse_milli_cpu(text_of((*found)["vCPUs"]));
  const auto memory = parse_bytes(text_of((*found)["mem"]));
  return cpu && memory ? std::optional(Resources{*cpu, *memory}) : std::nullopt;
}

}  // namespace

ScriptedScheduler::ScriptedScheduler(runtime::Loop& loop) : loop_(loop), at_{runtime::Endpoint::Scheme::tcp, "127.0.0.1", 0} { restart(); }

void ScriptedScheduler::restart() {
  server_.reset();
  waiting_.clear();
  server_ = std::make_unique<runtime::HttpServer>(loop_);
  // Any path goes to the same handler.
  server_->route("", "/", [this](const runtime::HttpRequest& request, runtime::Responder respond) { asked(request, std::move(respond)); });
  at_ = server_->listen(at_).value();
}

std::string ScriptedScheduler::fault_of(const runtime::HttpRequest& request, const json& body) const {
  if (request.method != "POST") return "is a " + request.method;
  const auto type = request.headers.find("content-type");
  if (type == request.headers.end() || type->second != "application/json") return "is not said to be JSON";
  if (request.body.size() > longest_body) return "is longer than upstream reads";
  if (!body.is_object()) return "is no object";
  if (body.value("protoVersion", json()) != 7) return "has another version than 7";
  const json pod = body.value("pod", json());
  if (!pod.is_object() || !pod.value("name", json()).is_string() || !pod.value("namespace", json()).is_string()) return "has no pod";
  const auto unit = size_of(body, "computeUnit"), wanted = size_of(body, "resources");
  if (!unit || unit->cpu.value == 0 || unit->memory.value == 0) return "has no compute unit";
  if (!wanted || wanted->cpu.value == 0 || wanted->memory.value == 0) return "asks for nothing";
  for (const char* member : {"lastPermit", "metrics"})
    if (!body.contains(member)) return std::string("has no ") + member + ", not even null";
  if (!body["lastPermit"].is_null() && !size_of(body, "lastPermit")) return "has a lastPermit that is none";
  return "";
}

void ScriptedScheduler::asked(const runtime::HttpRequest& request, runtime::Responder respond) {
  Ask ask{json::parse(request.body, nullptr, false), std::make_shared<runtime::Responder>(std::move(respond))};
  // What ours asks its own kind beside, on a path of its own, is a body that upstream cannot read.
  if (request.target != "/") return send(ask, 400, "bad JSON");
  if (const std::string fault = fault_of(request, ask.request); !fault.empty()) {
    wrong = "a request that " + fault + ": " + request.body;
    return send(ask, 400, "bad JSON");
  }
  const auto wanted = size_of(ask.request, "resources"), last = size_of(ask.request, "lastPermit");
  const bool restates = last && fits_in(*wanted, *last) && (expected_.is_null() || !has(ask.request, expected_));
  if (restates) return send(ask, 200, json{{"permit", ask.request["resources"]}}.dump());
  waiting_.push_back(std::move(ask));
}

bool ScriptedScheduler::arrived() {
  if (waiting_.empty()) return false;
  const auto fits = std::find_if(waiting_.begin(), waiting_.end(), [this](const Ask& ask) { return has(ask.request, expected_); });
  if (fits == waiting_.end()) {
    wrong = "not what is expected: " + waiting_.front().request.dump();
    return true;
  }
  std::rotate(waiting_.begin(), fits, fits + 1);
  return true;
}

void ScriptedScheduler::send(Ask& ask, int status, const std::string& body) {
  (*ask.respond)({status, {{"content-type", status == 200 ? "application/json" : "text/plain; charset=utf-8"}}, body});
}

void ScriptedScheduler::answer(int status, const std::string& body) {
  REQUIRE_FALSE(waiting_.empty());
  send(waiting_.front(), status, body);
  waiting_.pop_front();
  expected_ = nullptr;
}

void ScriptedScheduler::put_aside(const std::string& name) {
  REQUIRE_FALSE(waiting_.empty());
  aside_.insert_or_assign(name, std::move(waiting_.front()));
  waiting_.pop_front();
  expected_ = nullptr;
}

void ScriptedScheduler::answer_aside(const std::string& name, int status, const std::string& body) {
  const auto found = aside_.find(name);
  REQUIRE(found != aside_.end());
  send(found->second, status, body);
  aside_.erase(found);
}

}  // namespace neonvm::tests
