"""The API server as its administrator speaks to it."""
import http.client
import json
import os
import ssl

PORT = 6443


class Refused(Exception):
    """An answer of the API server that is no success."""

    def __init__(self, method, path, code, body):
        super().__init__(f"{method} {path}: {code} {body.get('message', body) if isinstance(body, dict) else body}")
        self.code, self.body = code, body


class Api:
    def __init__(self, address, pki):
        self.address, self.pki = address, pki

    def connection(self):
        trust = ssl.create_default_context(cafile=os.path.join(self.pki, "ca.crt"))
        trust.load_cert_chain(os.path.join(self.pki, "admin.crt"), os.path.join(self.pki, "admin.key"))
        return http.client.HTTPSConnection(self.address, PORT, timeout=30, context=trust)

    def call(self, method, path, body=None, kind="application/json"):
        """The JSON that it answers, or the text. Raises Refused, OSError, http.client.HTTPException."""
        connection = self.connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": kind, "Accept": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        try:
            answer = json.loads(text)
        except ValueError:
            answer = text
        if response.status >= 300:
            raise Refused(method, path, response.status, answer)
        return answer

    def answer(self, path):
        """What it answers, or None for as long as it cannot or will not."""
        try:
            return self.call("GET", path)
        except (OSError, http.client.HTTPException, Refused):
            return None
