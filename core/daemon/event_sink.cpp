#include "core/daemon/event_sink.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <utility>

#include "core/runtime/object_store.hpp"

namespace neonvm::daemon {
namespace {

using runtime::HttpRequest;
using runtime::HttpResponse;
using runtime::Url;

constexpr const char* blob_version = "2021-08-06";

std::string time_text(WallTime time, const char* format) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 96> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

Result<std::string> secret_in(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (line.empty()) return Error{Code::permission_denied, "credentials: " + file + " cannot be read, or is empty"};
  return line;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string trim(std::string text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// As AWS' own tools keep them: [default] aws_access_key_id = …; else their environment variables.
Result<runtime::AwsCredentials> aws_credentials(const std::string& path) {
  runtime::AwsCredentials found{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"), environment("AWS_SESSION_TOKEN")};
  if (!path.empty()) {
    std::ifstream in(path);
    if (!in) return Error{Code::permission_denied, "credentials: " + path + " cannot be read"};
    found = {};
    std::string section = "default";
    for (std::string line; std::getline(in, line);) {
      line = trim(line);
      if (line.starts_with('[')) section = trim(line.substr(1, line.find(']') - 1));
      const auto equals = line.find('=');
      if (section != "default" || equals == std::string::npos || line.starts_with('#')) continue;
      const std::string key = trim(line.substr(0, equals)), value = trim(line.substr(equals + 1));
      if (key == "aws_access_key_id") found.access_key = value;
      if (key == "aws_secret_access_key") found.secret_key = value;
      if (key == "aws_session_token") found.session_token = value;
    }
  }
  if (found.access_key.empty() || found.secret_key.empty())
    return Error{Code::permission_denied, "credentials: " + (path.empty() ? "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set" : path + " has no [default] with aws_access_key_id and aws_secret_access_key")};
  return found;
}

Result<HttpResponse> call(const Url& url, HttpRequest request, const std::string& ca_file, const std::string& token_file, Deadline deadline) {
  const auto endpoint = runtime::resolve(url);
  if (!endpoint) return endpoint.error();
  runtime::HttpClientOptions options;
  if (url.tls) {
    runtime::TlsFiles tls;
    tls.ca = ca_file;
    tls.server_name = url.host;
    options.tls = tls;
  }
  options.bearer_token_file = token_file;
  request.headers["host"] = url.authority();
  return runtime::http_call(*endpoint, request, deadline, options);
}

// Services say why in XML or text; the beginning is enough for a log.
Status judge(const Result<HttpResponse>& answer, bool well, const std::string& kind) {
  if (!answer) return Error{answer.error().code, kind + ": " + answer.error().message};
  if (well) return {};
  std::string body = answer->body.substr(0, 300);
  std::replace_if(body.begin(), body.end(), [](unsigned char c) { return c < ' '; }, ' ');
  const Code code = answer->status == 401 || answer->status == 403 ? Code::permission_denied : Code::unavailable;
  return Error{code, kind + ": " + std::to_string(answer->status) + (body.empty() ? "" : " " + body)};
}

std::string lines_of(const EventBatch& batch) {
  std::string text;
  for (const std::string& line : batch.lines) text += line + "\n";
  return text;
}

Status send_http(const HttpSink& sink, const Url& url, const EventBatch& batch, Deadline deadline) {
  for (std::size_t from = 0; from < batch.lines.size(); from += sink.most) {
    HttpRequest request;
    request.method = "POST";
    request.target = url.path + "/usage_events";
    request.headers = {{"content-type", "application/json"}, {"x-trace-id", batch.id + "-" + std::to_string(from / sink.most)}};
    request.body = "{\"events\":[";
    for (std::size_t i = from; i < std::min(from + sink.most, batch.lines.size()); ++i) request.body += (i == from ? "" : ",") + batch.lines[i];
    request.body += "]}";
    const auto answer = call(url, std::move(request), sink.ca_file, sink.token_file, deadline);
    const std::string kind = answer ? "HTTP code " + std::to_string(answer->status) : std::string("HTTP error");
    if (auto sent = judge(answer, answer && answer->status == 200, kind); !sent) return sent;
  }
  return {};
}

Status send_s3(const S3Sink& sink, const Url& url, EventStream stream, const EventBatch& batch, WallTime now, Deadline deadline) {
  const auto credentials = aws_credentials(sink.credentials_file);
  if (!credentials) return credentials.error();
  auto body = runtime::gzip(lines_of(batch));
  if (!body) return body.error();
  HttpRequest request;
  request.method = "PUT";
  request.target = url.path + "/" + runtime::percent_encoded(sink.bucket) + "/" + runtime::percent_encoded(object_key(stream, sink.prefix, batch), "/");
  request.headers = {{"host", url.authority()}, {"content-type", "application/gzip"}};
  request.body = std::move(*body);
  runtime::sign_aws(request, *credentials, sink.region, "s3", now);
  const auto answer = call(url, std::move(request), sink.ca_file, "", deadline);
  return judge(answer, answer && answer->status == 200, "S3 error");
}

Status send_azure(const AzureSink& sink, const Url& url, EventStream stream, const EventBatch& batch, WallTime now, Deadline deadline) {
  auto body = runtime::gzip(lines_of(batch));
  if (!body) return body.error();
  HttpRequest request;
  request.method = "PUT";
  request.target = url.path + "/" + runtime::percent_encoded(sink.container) + "/" + runtime::percent_encoded(object_key(stream, sink.prefix, batch), "/");
  request.headers = {{"content-type", "application/gzip"}, {"x-ms-blob-type", "BlockBlob"}, {"x-ms-version", blob_version}, {"content-length", std::to_string(body->size())}};
  request.body = std::move(*body);
  const auto secret = secret_in(sink.sas_file.empty() ? sink.key_file : sink.sas_file);
  if (!secret) return secret.error();
  if (!sink.sas_file.empty()) {
    request.target += "?" + (secret->starts_with('?') ? secret->substr(1) : *secret);
  } else {
    // The account is the first part of the host, and of an emulator's path.
    const bool emulator = !url.path.empty();
    const std::string account = emulator ? url.path.substr(1, url.path.find('/', 1) - 1) : url.host.substr(0, url.host.find('.'));
    if (auto signed_well = runtime::sign_azure(request, account, *secret, now); !signed_well) return Error{Code::permission_denied, "credentials: " + sink.key_file + ": " + signed_well.error().message};
  }
  request.headers.erase("content-length");
  const auto answer = call(url, std::move(request), sink.ca_file, "", deadline);
  return judge(answer, answer && answer->status == 201, "Azure Blob error");
}

}  // namespace

std::string object_key(EventStream stream, const std::string& prefix, const EventBatch& batch) {
  std::string before = prefix;
  while (before.ends_with('/')) before.pop_back();
  if (!before.empty()) before += '/';
  if (stream == EventStream::billing)
    return before + time_text(batch.made, "year=%Y/month=%m/day=%d/hour=%H/%H:%M:%SZ_") + batch.id + ".ndjson.gz";
  return before + time_text(batch.made, "%Y/%m/%d/%H/events_") + batch.id + ".ndjson.gz";
}

std::string cause_of(const Error& error) { return error.message.substr(0, std::min(error.message.find(": "), error.message.size())); }

Result<SendBatch> http_sink(HttpSink sink) {
  auto url = runtime::parse_url(sink.url);
  if (!url) return url.error();
  return SendBatch([sink = std::move(sink), url = *url](const EventBatch& batch, Deadline deadline) { return send_http(sink, url, batch, deadline); });
}

Result<SendBatch> s3_sink(S3Sink sink, EventStream stream, std::function<WallTime()> wall) {
  if (sink.region.empty()) return Error{Code::invalid_argument, "a bucket needs a region"};
  auto url = runtime::parse_url(sink.endpoint.empty() ? "https://s3." + sink.region + ".amazonaws.com" : sink.endpoint);
  if (!url) return url.error();
  return SendBatch([sink = std::move(sink), url = *url, stream, wall = std::move(wall)](const EventBatch& batch, Deadline deadline) {
    return send_s3(sink, url, stream, batch, wall(), deadline);
  });
}

Result<SendBatch> azure_sink(AzureSink sink, EventStream stream, std::function<WallTime()> wall) {
  if (sink.endpoint.empty()) return Error{Code::invalid_argument, "a container needs an endpoint: https://ACCOUNT.blob.core.windows.net"};
  if (sink.key_file.empty() == sink.sas_file.empty()) return Error{Code::invalid_argument, "a container needs either a key_file or a sas_file"};
  auto url = runtime::parse_url(sink.endpoint);
  if (!url) return url.error();
  return SendBatch([sink = std::move(sink), url = *url, stream, wall = std::move(wall)](const EventBatch& batch, Deadline deadline) {
    return send_azure(sink, url, stream, batch, wall(), deadline);
  });
}

}  // namespace neonvm::daemon
