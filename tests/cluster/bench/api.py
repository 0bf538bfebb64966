"""The API server as its administrator speaks to it."""
import http.client
import json
import os
import ssl
import threading

PORT = 6443


class Refused(Exception):
    """An answer of the API server that is no success."""

    def __init__(self, method, path, code, body):
        super().__init__(f"{method} {path}: {code} {body.get('message', body) if isinstance(body, dict) else body}")
        self.code, self.body = code, body


def call_over(connection, method, path, body, kind):
    connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": kind, "Accept": "application/json"})
    response = connection.getresponse()
    text = response.read().decode()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = text
    if response.status >= 300:
        raise Refused(method, path, response.status, answer)
    return answer


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
            return call_over(connection, method, path, body, kind)
        finally:
            connection.close()

    def answer(self, path):
        """What it answers, or None for as long as it cannot or will not."""
        try:
            return self.call("GET", path)
        except (OSError, http.client.HTTPException, Refused):
            return None


class Kept:
    """The same over one connection a thread that stays, for who asks thousands of times: most of a short call is what opens its connection."""

    def __init__(self, api):
        self.api, self.own = api, threading.local()

    def call(self, method, path, body=None, kind="application/json"):
        if not hasattr(self.own, "connection"):
            self.own.connection = self.api.connection()
        try:
            return call_over(self.own.connection, method, path, body, kind)
        except (OSError, http.client.HTTPException):
            self.own.connection.close()  # the next call opens it anew
            raise
