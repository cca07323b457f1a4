"""One table from kinds of error to HTTP status; the body is {"code", "message", "facts"}."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from custody.primitives.errors import (
    Conflict,
    Fact,
    InvalidInput,
    NotFound,
    Refused,
    ToolkitError,
    Unavailable,
    VerificationFailed,
)

# The more special kind stands first.
_STATUS: tuple[tuple[type[ToolkitError], int], ...] = (
    (NotFound, 404),
    (InvalidInput, 422),
    (Refused, 403),
    (Conflict, 409),
    (Unavailable, 503),
    (VerificationFailed, 422),
)


# What the framework answers itself: an unknown route, a wrong method, a body too large or not even JSON.
_FRAMEWORK: dict[int, tuple[int, str]] = {
    400: (422, InvalidInput.code),
    404: (404, NotFound.code),
    405: (405, "method_not_allowed"),
    413: (413, "body_too_large"),
}


class NotAuthorised(Refused):
    """The token is missing or wrong."""

    code = "not_authorised"


def status_of(error: ToolkitError) -> int:
    """Return the HTTP status for an error."""
    if isinstance(error, NotAuthorised):
        return 401
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def install(app: FastAPI) -> None:
    """Answer every error of ours, every malformed body and every unknown route in the same shape."""

    @app.exception_handler(ToolkitError)
    def _ours(_request: Request, error: ToolkitError) -> JSONResponse:
        return _answer(status_of(error), error.code, error.message, error.facts)

    @app.exception_handler(RequestValidationError)
    def _malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return _answer(422, InvalidInput.code, f"{where}: {first['msg']}", {})

    @app.exception_handler(HTTPException)
    def _framework(_request: Request, error: HTTPException) -> JSONResponse:
        status, code = _FRAMEWORK.get(error.status_code, (error.status_code, "http_error"))
        return _answer(status, code, str(error.detail), {})


def _answer(status: int, code: str, message: str, facts: Mapping[str, Fact]) -> JSONResponse:
    return JSONResponse({"code": code, "message": message, "facts": dict(facts)}, status_code=status)
