import asyncio
import socket

import httpx
import pytest

from custody.devnet.json_process import MAX_REQUEST_BYTES, NO_CONTENT, JsonApp, module_launch
from custody.devnet.processes import NodeStartFailed, start_on_port

MODULE = "custody.devnet.dogecoin_server"


class Simulator:
    def __init__(self, enough=0):
        self.asked = []
        self.ticks = 0
        self.enough = enough
        self.over = asyncio.Event()
        self.closed_after = None

    def answer(self, path, question):
        self.asked.append((path, question))
        return (503, NO_CONTENT) if question == "be silent" else (200, {"asked": question})

    def tick(self):
        self.ticks += 1
        if self.ticks == self.enough:
            self.over.set()

    def close(self):
        self.closed_after = self.ticks


class Visitor:
    def __init__(self, port):
        self.port = port
        self.closed = False

    def close(self):
        self.closed = True

    def is_welcome(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def post(simulator, content):
    app = JsonApp(simulator.answer, tick=simulator.tick, tick_ms=0)

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://simulator") as client:
            return await client.post("/here", content=content)

    return asyncio.run(ask())


def live(simulator, tick_ms):
    # The life of the process as a server tells it: it starts, and when it is over it ends.
    app = JsonApp(simulator.answer, tick=simulator.tick, tick_ms=tick_ms, close=simulator.close)
    told = []

    async def run():
        async def receive():
            if told:
                await simulator.over.wait()
            return {"type": "lifespan.shutdown" if told else "lifespan.startup"}

        async def send(message):
            told.append(message["type"])

        await app({"type": "lifespan"}, receive, send)

    asyncio.run(asyncio.wait_for(run(), 20))
    return told


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 500_000])
def test_what_is_no_json_never_reaches_the_simulator(content):
    simulator = Simulator()
    assert post(simulator, content).status_code == 400
    assert simulator.asked == []


def test_too_long_a_question_never_reaches_the_simulator():
    simulator = Simulator()
    assert post(simulator, b'"' + b"a" * MAX_REQUEST_BYTES + b'"').status_code == 413
    assert simulator.asked == []


def test_a_status_may_come_without_a_body():
    answer = post(Simulator(), b'"be silent"')
    assert (answer.status_code, answer.content) == (503, b"")


def test_no_body_is_an_empty_question():
    simulator = Simulator()
    assert post(simulator, b"").json() == {"asked": {}}
    assert simulator.asked == [("/here", {})]


def test_clock_ticks_until_the_end_and_not_after_closing():
    simulator = Simulator(enough=3)
    told = live(simulator, 1)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert simulator.closed_after == simulator.ticks >= 3


def test_without_a_clock_nothing_moves():
    simulator = Simulator()
    simulator.over.set()
    live(simulator, 0)
    assert (simulator.ticks, simulator.closed_after) == (0, 0)


def test_a_port_that_was_asked_for_is_not_exchanged_for_another(tmp_path):
    visitors = []

    def connect(port):
        visitors.append(Visitor(port))
        return visitors[-1]

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound and not listening: nobody answers, and nobody else can listen
        with pytest.raises(NodeStartFailed, match="ended with status"):
            start_on_port(
                port, connect, lambda port: module_launch("dog", MODULE, tmp_path, {"--port": port}), Visitor.is_welcome
            )
    assert [(visitor.port, visitor.closed) for visitor in visitors] == [(port, True)]


def test_a_free_port_is_tried_again_when_somebody_else_took_it(tmp_path):
    visitors = []

    def connect(port):
        visitors.append(Visitor(port))
        return visitors[-1]

    def launch(port):
        # The first choice was taken: its process ends at once.
        options = {"--port": port} if len(visitors) > 1 else {"--nonsense": port}
        return module_launch("dog", MODULE, tmp_path, options)

    process, visitor = start_on_port(0, connect, launch, Visitor.is_welcome)
    with process:
        assert [each.closed for each in visitors] == [True, False]
        assert visitor is visitors[-1]
        assert visitor.is_welcome()
