import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from custody.nodes.jsonrpc import NodeError
from custody.nodes.posting import Endpoint
from custody.nodes.tron import TronHttp
from custody.primitives.errors import NodeUnavailable


@contextmanager
def answering(body, status=200):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        http = TronHttp(Endpoint("tron", f"http://127.0.0.1:{server.server_address[1]}/", max_response_bytes=100))
        try:
            yield http, asked
        finally:
            http.close()
            server.shutdown()


@pytest.mark.parametrize("body", [b"", b"7", b"null", b"<html>", b"x" * 101, b"{" * 50])
def test_what_is_no_object_and_no_list_is_no_answer(body):
    with answering(body) as (http, _), pytest.raises(NodeUnavailable):
        http.ask("/wallet/getnowblock")


def test_what_the_node_states_as_error_is_a_node_error():
    with answering(b'{"Error": "class java.lang.X : no"}') as (http, _), pytest.raises(NodeError, match="class java"):
        http.ask("/wallet/getaccount", address="41")


def test_refused_credentials_are_named():
    with answering(b"{}", status=401) as (http, _), pytest.raises(NodeUnavailable, match="credentials"):
        http.ask("/wallet/getnowblock")


def test_nobody_there_is_no_answer():
    with pytest.raises(NodeUnavailable, match="no answer"):
        TronHttp(Endpoint("tron", "http://127.0.0.1:1")).ask("/wallet/getnowblock")


def test_fields_travel_as_one_object_to_the_path():
    with answering(b'{"balance": 5}') as (http, asked):
        assert http.ask("/wallet/getaccount", address="41ab") == {"balance": 5}
    assert asked == [("/wallet/getaccount", b'{"address":"41ab"}')]


def test_nothing_found_is_an_empty_object():
    with answering(b"{}") as (http, _):
        assert http.ask("/wallet/getblockbynum", num=5) == {}
