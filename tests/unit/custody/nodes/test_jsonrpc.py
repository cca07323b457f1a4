import json
import threading
import time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from custody.nodes import jsonrpc
from custody.nodes.jsonrpc import Call, Endpoint, JsonRpc, NodeError
from custody.primitives.errors import NodeUnavailable
from custody.primitives.secret import Secret


class Door(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((json.loads(body), self.headers.get("Authorization")))
        self.server.answer(self, json.loads(body))

    def send(self, status, content, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    # A server of our own making: a simulator of bad nodes.
    served = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    served.seen = []
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


def client_of(server, **fields):
    return JsonRpc(Endpoint("node", f"http://127.0.0.1:{server.server_port}", **fields))


def says(content, status=200, **headers):
    return lambda door, _: door.send(status, content, **headers)


def result(value):
    return lambda door, question: door.send(200, json.dumps({"id": question["id"], "result": value}).encode())


# Refusals --------------------------------------------------------------------------------


def test_nobody_listens(server):
    client = client_of(server)
    server.shutdown()
    server.server_close()
    with pytest.raises(NodeUnavailable):
        client.call("x")


def test_silence_ends_with_the_timeout(server):
    server.answer = lambda *_: time.sleep(3)
    started = time.monotonic()
    with pytest.raises(NodeUnavailable):
        client_of(server, timeout_s=1).call("x")
    assert time.monotonic() - started < 2.5


def test_a_drip_of_bytes_ends_with_the_timeout_too(server):
    def drip(door, _):
        door.send_response(200)
        door.send_header("Content-Length", "1000")
        door.end_headers()
        for _ in range(40):
            door.wfile.write(b" ")
            time.sleep(0.1)

    server.answer = drip
    started = time.monotonic()
    with pytest.raises(NodeUnavailable, match="too long"):
        client_of(server, timeout_s=1).call("x")
    assert time.monotonic() - started < 3


def test_a_refused_call_is_not_repeated(server):
    server.answer = says(b"busy", 503)
    with pytest.raises(NodeUnavailable):
        client_of(server).call("sendrawtransaction", "00")
    assert len(server.seen) == 1


def test_an_answer_beyond_the_limit_is_not_read_to_its_end(server):
    server.answer = says(b"[" + b"1," * 60_000 + b"1]")
    with pytest.raises(NodeUnavailable, match="longer than"):
        client_of(server, max_response_bytes=10_000).call("x")


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b'{"id":1,"result":', b"[]", b"3", b"null", b'{"id":99,"result":1}', b'{"result":1}', b'{"id":1}',
     b'{"id":"1","result":1}', b"[" * 100_000, b"\xff\xfe"],
    ids=range(12),
)  # fmt: skip
def test_an_answer_of_another_shape_is_none(server, content):
    server.answer = says(content)
    with pytest.raises(NodeUnavailable) as refused:
        client_of(server).call("x")
    assert not isinstance(refused.value, NodeError)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_named(server, status):
    server.answer = says(b"", status)
    with pytest.raises(NodeUnavailable, match="credentials"):
        client_of(server).call("x")


def test_redirects_are_not_followed(server):
    server.answer = says(b"", 307, Location=f"http://127.0.0.1:{server.server_port}/elsewhere")
    with pytest.raises(NodeUnavailable):
        client_of(server, user="u", password=Secret(b"p")).call("x")
    assert len(server.seen) == 1


def test_a_proxy_of_the_environment_is_not_used(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    server.answer = result(7)
    assert client_of(server).call("x") == 7


def test_a_stated_error_carries_number_text_and_extra(server):
    stated = {"code": -26, "message": "dust", "data": {"at": 1}}
    server.answer = lambda door, q: door.send(
        500, json.dumps({"id": q["id"], "result": None, "error": stated}).encode()
    )
    with pytest.raises(NodeError) as refused:
        client_of(server).call("sendrawtransaction", "00")
    assert (refused.value.rpc_code, refused.value.rpc_message, refused.value.data) == (-26, "dust", '{"at": 1}')
    assert refused.value.code == "node_error"


@pytest.mark.parametrize("stated", ["text", 5, ["x"], {"code": "x"}, {"code": True, "message": None}])
def test_a_stated_error_of_another_shape_is_still_an_error(server, stated):
    server.answer = lambda door, q: door.send(200, json.dumps({"id": q["id"], "error": stated}).encode())
    with pytest.raises(NodeError) as refused:
        client_of(server).call("x")
    assert refused.value.rpc_code == 0


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"null", b'{"id":1,"error":{"code":1,"message":"no batches"}}'])
def test_a_batch_without_a_list_of_answers_fails_as_a_whole(server, content):
    server.answer = says(content)
    with pytest.raises(NodeUnavailable):
        client_of(server).batch([Call("a"), Call("b")])


def test_a_batch_with_a_missing_answer_fails(server):
    server.answer = lambda door, q: door.send(200, json.dumps([{"id": q[0]["id"], "result": 1}]).encode())
    with pytest.raises(NodeUnavailable):
        client_of(server).batch([Call("a"), Call("b")])


# Success ---------------------------------------------------------------------------------


def test_decimal_numbers_stay_exact(server):
    server.answer = says(b'{"id":1,"result":[0.1,20999999.9769,1e-8,7]}')
    assert client_of(server).call("x") == [Decimal("0.1"), Decimal("20999999.9769"), Decimal("1e-8"), 7]


def test_arguments_by_position_or_by_name(server):
    server.answer = result(None)
    client = client_of(server)
    assert client.call("a", 1, [2]) is None
    assert client.call("b", name="x") is None
    assert [seen[0]["params"] for seen in server.seen] == [[1, [2]], {"name": "x"}]
    assert [seen[0]["jsonrpc"] for seen in server.seen] == ["2.0", "2.0"]


def test_credentials_are_sent_and_never_printed(server):
    server.answer = result(1)
    endpoint = Endpoint("node", f"http://127.0.0.1:{server.server_port}", user="u", password=Secret(b"hidden"))
    JsonRpc(endpoint).call("x")
    assert server.seen[0][1] == "Basic dTpoaWRkZW4="
    assert "hidden" not in repr(endpoint)


def test_batch_answers_come_in_the_order_of_the_questions(server):
    def shuffled(door, questions):
        answers = [{"id": q["id"], "result": q["method"]} for q in questions]
        answers[1] = {"id": questions[1]["id"], "error": {"code": -5, "message": "none"}}
        door.send(200, json.dumps(answers[::-1]).encode())

    server.answer = shuffled
    first, second, third = client_of(server).batch([Call("a"), Call("b"), Call("c", {"n": 1})])
    assert (first, third) == ("a", "c")
    assert isinstance(second, NodeError)
    assert client_of(server).batch([]) == []


def test_long_batches_are_cut(server, monkeypatch):
    monkeypatch.setattr(jsonrpc, "MAX_BATCH_CALLS", 2)
    server.answer = lambda door, qs: door.send(
        200, json.dumps([{"id": q["id"], "result": q["method"]} for q in qs]).encode()
    )
    assert client_of(server).batch([Call(str(n)) for n in range(5)]) == ["0", "1", "2", "3", "4"]
    assert [len(seen[0]) for seen in server.seen] == [2, 2, 1]
