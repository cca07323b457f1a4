# The client of XRP Ledger nodes against answers of every shape, over real HTTP.
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from custody.nodes.jsonrpc import NodeError
from custody.nodes.posting import Endpoint
from custody.nodes.rippled import RippledRpc
from custody.primitives.errors import NodeUnavailable


@pytest.fixture
def served():
    answers, asked = [], []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = answers.pop(0)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    rpc = RippledRpc(Endpoint("rippled", f"http://127.0.0.1:{server.server_address[1]}", timeout_s=5))
    yield rpc, answers, asked
    rpc.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("body", [b"", b"<html>", [], {}, {"result": None}, {"result": []}, {"error": "busy"}, 7])
def test_what_is_no_result_is_no_answer(served, body):
    rpc, answers, _ = served
    answers.append(body)
    with pytest.raises(NodeUnavailable) as refused:
        rpc.call("fee")
    assert not isinstance(refused.value, NodeError)


@pytest.mark.parametrize(
    "result",
    [
        {"status": "error", "error": "txnNotFound", "error_code": 29, "searched_all": False},
        {"status": "success", "error": "txnNotFound", "error_code": 29, "searched_all": False},
        {"error": "txnNotFound", "error_code": 29, "searched_all": False},
    ],
)
def test_error_inside_the_result_is_stated_with_its_facts(served, result):
    rpc, answers, _ = served
    answers.append({"result": result})
    with pytest.raises(NodeError, match="txnNotFound") as refused:
        rpc.call("tx", transaction="A")
    assert (refused.value.rpc_message, refused.value.rpc_code) == ("txnNotFound", 29)
    assert json.loads(refused.value.data)["searched_all"] is False


def test_result_without_status_is_no_success(served):
    rpc, answers, _ = served
    answers.append({"result": {"drops": {}}})
    with pytest.raises(NodeError, match="no status"):
        rpc.call("fee")


def test_question_has_one_object_and_names_the_version(served):
    rpc, answers, asked = served
    answers.append({"result": {"status": "success", "drops": {}}})
    assert rpc.call("ledger", ledger_index=5)["drops"] == {}
    assert asked == [{"method": "ledger", "params": [{"api_version": 1, "ledger_index": 5}]}]
