"""Services that events are sent to, on loopback: one that speaks upstream's HTTP, one that speaks S3, one that speaks Azure's blobs. Each checks who calls by
the service's own rules, worked out here a second time, and can be told to refuse.
"""
import base64
import gzip
import hashlib
import hmac
import http.server
import json
import threading
import urllib.parse

ACCESS, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-test-1"
ACCOUNT, ACCOUNT_KEY = "neonvmtest", base64.b64encode(b"a key of the account, 32 bytes!!").decode()


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def aws_fault(request, body):
    """Why Amazon would refuse it; empty: it would not."""
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    access, day, region, service, end = parts["Credential"].split("/")
    if (scheme, access, region, service, end) != ("AWS4-HMAC-SHA256", ACCESS, REGION, "s3", "aws4_request"):
        return "credential"
    names = parts["SignedHeaders"].split(";")
    if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(names):
        return "too little is signed"
    payload = hashlib.sha256(body).hexdigest()
    if request.headers["x-amz-content-sha256"] != payload:
        return "another body"
    path, _, query = request.path.partition("?")
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names)
    canonical = "\n".join((request.command, path, query, headers, ";".join(names), payload))
    stamp = request.headers["x-amz-date"]
    text = "\n".join((scheme, stamp, f"{day}/{region}/{service}/{end}", hashlib.sha256(canonical.encode()).hexdigest()))
    key = sign(("AWS4" + SECRET).encode(), day)
    for part in (region, service, end):
        key = sign(key, part)
    return "" if hmac.compare_digest(sign(key, text).hex(), parts["Signature"]) and stamp.startswith(day) else "signature"


def azure_fault(request, body):
    path, _, query = request.path.partition("?")
    names = ("Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date", "If-Modified-Since", "If-Match",
             "If-None-Match", "If-Unmodified-Since", "Range")
    text = request.command + "\n" + "".join((request.headers.get(name) or "") + "\n" for name in names)
    text += "".join(f"{name.lower()}:{request.headers[name]}\n" for name in sorted(request.headers, key=str.lower) if name.lower().startswith("x-ms-"))
    text += f"/{ACCOUNT}{path}" + "".join(f"\n{name}:{value}" for name, value in sorted(urllib.parse.parse_qsl(query)))
    wanted = f"SharedKey {ACCOUNT}:" + base64.b64encode(sign(base64.b64decode(ACCOUNT_KEY), text)).decode()
    if len(body) != int(request.headers["Content-Length"]) or request.headers["x-ms-blob-type"] != "BlockBlob":
        return "no block blob"
    return "" if request.headers["Authorization"] == wanted else "signature"


class Service:
    """objects: what was put, by path; requests: events as they came over HTTP. refuse(path) -> status or None."""

    def __init__(self):
        self.objects, self.events, self.faults, self.puts = {}, [], [], 0
        self.refuse = lambda path: None
        self.token = None
        self.lock = threading.Lock()
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, text=b""):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def body(self):
                return self.rfile.read(int(self.headers["Content-Length"]))

            def do_POST(self):
                body = self.body()
                with service.lock:
                    status = service.refuse(self.path)
                    if service.token and self.headers.get("Authorization") != f"Bearer {service.token}":
                        status = 401
                    if not status and self.path.endswith("/usage_events"):
                        service.events += json.loads(body)["events"]
                    self.answer(status or (200 if self.path.endswith("/usage_events") else 404), b"no" if status else b"")

            def do_PUT(self):
                body = self.body()
                with service.lock:
                    azure = "x-ms-version" in self.headers
                    fault = azure_fault(self, body) if azure else aws_fault(self, body)
                    status = service.refuse(self.path)
                    if fault:
                        service.faults.append(fault)
                    elif not status:
                        service.puts += 1
                        service.objects[urllib.parse.unquote(self.path)] = body
                    self.answer(403 if fault else status or (201 if azure else 200), fault.encode())

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def stored(self, begin):
        """Events of all objects whose path begins so."""
        with self.lock:
            return [json.loads(line) for path, body in sorted(self.objects.items()) if path.startswith(begin)
                    for line in gzip.decompress(body).decode().splitlines()]

    def heard(self):
        with self.lock:
            return list(self.events)
