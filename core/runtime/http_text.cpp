#include "core/runtime/http_text.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace neonvm::runtime {

namespace {

const char* reason(int status) {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Other";
  }
}

bool breaks_line(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos; }

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

void append_fields(std::string& out, const std::map<std::string, std::string>& fields) {
  for (const auto& [name, value] : fields) {
    const std::string known = lower(name);
    const bool ours = known == "content-length" || known == "transfer-encoding" || known == "connection";
    if (ours || name.empty() || breaks_line(name) || breaks_line(value) || name.find(':') != name.npos) continue;
    out += name + ": " + value + "\r\n";
  }
}

bool has(const std::map<std::string, std::string>& fields, std::string_view name) {
  return std::ranges::any_of(fields, [name](const auto& field) { return lower(field.first) == name; });
}

}  // namespace

std::string response_head(const HttpResponse& response, const Framing& framing) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ' + reason(response.status) + "\r\n";
  append_fields(out, response.headers);
  if (!response.body.empty() && !has(response.headers, "content-type")) {
    out += "Content-Type: text/plain; charset=utf-8\r\n";
  }
  if (response.status != 204 && response.status != 304) {
    out += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  if (!framing.keep_alive) out += "Connection: close\r\n";
  else if (framing.http_1_0) out += "Connection: keep-alive\r\n";
  return out + "\r\n";
}

std::string request_head(const HttpRequest& request, const Endpoint& host, const std::string& bearer_token,
                         bool keep_alive) {
  std::string out = (request.method.empty() ? "GET" : request.method) + ' ' +
                    (request.target.empty() ? "/" : request.target) + " HTTP/1.1\r\n";
  if (!has(request.headers, "host")) out += "Host: " + host_field(host) + "\r\n";
  if (!bearer_token.empty()) out += "Authorization: Bearer " + bearer_token + "\r\n";
  append_fields(out, request.headers);
  const bool may_have_body = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (may_have_body || !request.body.empty()) out += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return out + (keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

HttpResponse text_response(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
}

std::string path_of(const std::string& target) { return target.substr(0, target.find('?')); }

Result<std::string> bearer_token(const HttpClientOptions& options) {
  if (options.bearer_token_file.empty()) return options.bearer_token;
  std::ifstream file(options.bearer_token_file);
  std::ostringstream text;
  text << file.rdbuf();
  std::string token = text.str();
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (!file || token.empty()) {
    return Error{Code::permission_denied, "token file " + options.bearer_token_file + ": cannot be read, or is empty"};
  }
  if (breaks_line(token)) {
    return Error{Code::invalid_argument, "token file " + options.bearer_token_file + ": a token is one line"};
  }
  return token;
}

Result<ChannelStart> channel_start(const Endpoint& endpoint, const std::string& path, const HttpClientOptions& options) {
  const Result<std::string> token = bearer_token(options);
  if (!token) return token.error();
  ChannelStart start{endpoint, path, {}};
  if (options.through) start = {options.through->endpoint, options.through->path + path, options.through->headers};
  if (!token->empty()) start.headers.emplace("authorization", "Bearer " + *token);
  for (const auto& [name, value] : start.headers) {
    if (breaks_line(value)) return Error{Code::invalid_argument, "header " + name + ": its value is not one line"};
  }
  return start;
}

std::string host_field(const Endpoint& endpoint) {
  if (endpoint.scheme == Endpoint::Scheme::unix_socket) return "localhost";
  const std::string url = to_string(endpoint);
  return url.substr(url.find("//") + 2);
}

}  // namespace neonvm::runtime
