// AWS' published vectors: the test suite of Signature Version 4, and the examples of Amazon S3's documentation.
#include "core/runtime/object_store.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;

namespace {

WallTime at(std::int64_t unix_seconds) { return WallTime(std::chrono::seconds(unix_seconds)); }

std::string signature_of(const HttpRequest& request) {
  const std::string& all = request.headers.at("authorization");
  return all.substr(all.rfind('=') + 1);
}

// 20150830T123600Z, us-east-1, "service".
std::string suite(HttpRequest request) {
  request.headers["host"] = "example.amazonaws.com";
  sign_aws(request, {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""}, "us-east-1", "service", at(1440938160), false);
  return signature_of(request);
}

// 20130524T000000Z
HttpRequest s3(HttpRequest request) {
  request.headers["host"] = "examplebucket.s3.amazonaws.com";
  sign_aws(request, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""}, "us-east-1", "s3", at(1369353600));
  return request;
}

HttpRequest asking(const std::string& method, const std::string& target, std::map<std::string, std::string> headers = {}, const std::string& body = "") {
  HttpRequest request;
  request.method = method;
  request.target = target;
  request.headers = std::move(headers);
  request.body = body;
  return request;
}

}  // namespace

TEST_CASE("signature version 4: the published suite") {
  CHECK(suite(asking("GET", "/")) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(suite(asking("POST", "/")) == "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  CHECK(suite(asking("GET", "/?Param2=value2&Param1=value1")) == "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  CHECK(suite(asking("GET", "/", {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}})) ==
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
  CHECK(suite(asking("POST", "/", {{"content-type", "application/x-www-form-urlencoded"}}, "Param1=value1")) ==
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST_CASE("signature version 4: the examples of Amazon S3") {
  const HttpRequest put = s3(asking("PUT", "/test%24file.text", {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}, "Welcome to Amazon S3."));
  CHECK(put.headers.at("authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
        "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  CHECK(put.headers.at("x-amz-content-sha256") == "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
  CHECK(signature_of(s3(asking("GET", "/test.txt", {{"range", "bytes=0-9"}}))) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  CHECK(signature_of(s3(asking("GET", "/?lifecycle"))) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  CHECK(signature_of(s3(asking("GET", "/?max-keys=2&prefix=J"))) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE("a session's token is signed, too") {
  HttpRequest request = asking("PUT", "/x", {{"host", "h"}});
  sign_aws(request, {"a", "b", "the-token"}, "r", "s3", at(0));
  CHECK(request.headers.at("x-amz-security-token") == "the-token");
  CHECK(request.headers.at("authorization").find("x-amz-security-token") != std::string::npos);
}

TEST_CASE("shared key of Azure: what is signed, as its documentation writes it down") {
  HttpRequest request = asking("PUT", "/box/a%20b?restype=container&comp=metadata",
                               {{"content-length", "3"}, {"content-type", "application/gzip"}, {"x-ms-blob-type", "BlockBlob"}, {"x-ms-version", "2021-08-06"}}, "abc");
  const std::string key = base64("the account's key");
  REQUIRE(sign_azure(request, "acct", key, at(1435361999)).ok());
  CHECK(request.headers.at("x-ms-date") == "Fri, 26 Jun 2015 23:39:59 GMT");
  const std::string text =
      "PUT\n\n\n3\n\napplication/gzip\n\n\n\n\n\n\nx-ms-blob-type:BlockBlob\nx-ms-date:Fri, 26 Jun 2015 23:39:59 GMT\nx-ms-version:2021-08-06\n"
      "/acct/box/a%20b\ncomp:metadata\nrestype:container";
  CHECK(request.headers.at("authorization") == "SharedKey acct:" + base64(hmac_sha256("the account's key", text)));
  CHECK_FALSE(sign_azure(request, "acct", "not base64!", at(0)).ok());
}

TEST_CASE("digests and codes by their own vectors") {
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test case 2
  CHECK(hex(hmac_sha256("Jefe", "what do ya want for nothing?")) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  for (const char* text : {"", "f", "fo", "foo", "foob"}) CHECK(*unbase64(base64(text)) == text);
  CHECK(base64("foob") == "Zm9vYg==");
  CHECK_FALSE(unbase64("abc").ok());
  CHECK(*gzip("same") == *gzip("same"));
}

TEST_CASE("where a URL leads") {
  const auto url = parse_url("https://acct.blob.core.windows.net/");
  REQUIRE(url.ok());
  CHECK((url->tls && url->host == "acct.blob.core.windows.net" && url->port == 443 && url->path.empty()));
  CHECK(url->authority() == "acct.blob.core.windows.net");
  const auto v6 = parse_url("http://[::1]:9000/a/b/");
  REQUIRE(v6.ok());
  CHECK((v6->host == "::1" && v6->port == 9000 && v6->path == "/a/b" && v6->authority() == "[::1]:9000"));
  CHECK(to_string(*resolve(*v6)) == "http://[::1]:9000");
  for (const char* bad : {"", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://x:1a", "https://user@x", "http://x/a?b", "http://[::1", "http://x y"})
    CHECK_FALSE(parse_url(bad).ok());
  CHECK(percent_encoded("a b/ü", "/") == "a%20b/%C3%BC");
}
