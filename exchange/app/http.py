"""The HTTP application over the rooms, and the server that runs it."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from custody.primitives.errors import Unavailable
from exchange.api import faults
from exchange.api.limits import BodyLimit
from exchange.api.private import private_router
from exchange.api.public import public_router
from exchange.settlement.rooms import Rooms
from exchange.web import pages

HOST = "127.0.0.1"
STOP_TIMEOUT_S = 10


class PortTaken(Unavailable):
    """Another program listens on the port."""

    code = "port_taken"
    transient = False

    def hint(self) -> str:
        """Say what to do."""
        return "choose another one: mext serve --port N"


def make_app(rooms: Rooms) -> FastAPI:
    """Routes, pages and error answers over the rooms."""
    app = FastAPI(title="mext", version="1", docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json")
    faults.install(app)
    app.include_router(public_router(rooms))
    app.include_router(private_router(rooms))
    app.add_middleware(BodyLimit)  # inside the next one, which would hide from the routes why reading ended
    pages.install(app, rooms)
    return app


def serve(rooms: Rooms, port: int) -> None:
    """Serve on the loopback address until the process is asked to stop.

    Raises:
        PortTaken: Something listens there already.
    """
    # The protocol is named since asyncio turns Nagle's delay off only where it is: else 40 ms on every kept connection.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise PortTaken(f"http://{HOST}:{port}: {error.strerror}", port=port) from error
        config = uvicorn.Config(
            make_app(rooms), log_level="warning", access_log=False, timeout_graceful_shutdown=STOP_TIMEOUT_S
        )
        uvicorn.Server(config).run(sockets=[listener])
