"""The routes: chat and text completions, models, health, metrics.

Knows paths, methods and how every error leaves. Refuses to know the rest: ``service`` answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from s1kit import __version__
from s1kit.serve.catalog import body_schema
from s1kit.serve.errors import ApiError
from s1kit.serve.fields import Endpoint
from s1kit.serve.hosts import HostGuard
from s1kit.serve.http import ClientGone, EventStream, Stalled, check_key, read_body, unless_gone
from s1kit.serve.playground import page
from s1kit.serve.service import Service

log = logging.getLogger(__name__)
Handler = Callable[[Request], Awaitable[Response]]

_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_STATUSES = {
    400: "a field is wrong; param names it",
    401: "the key is missing or wrong",
    403: "the Host header names another server",
    404: "no such model or path",
    405: "no such method here",
    408: "the body came too slowly",
    413: "the body is too large",
    415: "the body is not application/json",
    429: "the queue is full; Retry-After says when to come back",
    431: "the headers are too large",
    500: "a row or the server failed",
    503: "shutting down, or the engine failed",
    504: "the reply took too long",
}

_REPLY: dict[str, Any] = {
    "description": "the reply; with stream: true its events",
    "content": {"text/event-stream": {}},
}


def build_app(service: Service, key: str | None = None, names: Collection[str] | None = None) -> FastAPI:
    """The application over one service.

    ``key``: what clients have to send; None: nothing. ``names``: what it answers to beside this machine's own names;
    None: anything.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        service.scheduler.start()
        yield
        if not service.scheduler.stop():
            log.error("the engine did not stop within ten seconds; it is left behind")

    app = FastAPI(
        title="s1 serve",
        version=__version__,
        description="Thinking budgets for every OpenAI client.",
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    if names is not None:
        app.add_middleware(HostGuard, names=names)
    _add_errors(app)
    _add_generation(app, service, key)
    _add_reading(app, service, key)
    return app


def _add_generation(app: FastAPI, service: Service, key: str | None) -> None:
    async def complete(request: Request, endpoint: Endpoint) -> Response:
        check_key(request, key)
        limits = service.limits
        asked, prepared = await service.read(await read_body(request, limits.body_bytes, limits.body_seconds), endpoint)
        exchange = service.open(asked, prepared)
        if asked.stream:

            def ended(why: BaseException | None) -> None:
                exchange.close()
                if isinstance(why, (ClientGone, Stalled)):
                    gone = isinstance(why, ClientGone)
                    service.metrics.count("s1_disconnects_total" if gone else "s1_stalled_total")

            return EventStream(exchange.stream(), limits.stall_seconds, ended)
        try:
            return JSONResponse(await unless_gone(request, exchange.whole()))
        except ClientGone:
            service.metrics.count("s1_disconnects_total")
            return Response(status_code=499)  # nobody will read it
        finally:
            exchange.close()

    async def chat(request: Request) -> Response:
        """A chat completion with a thinking budget."""
        return await _counted(service, "chat", request, lambda r: complete(r, "chat"))

    async def text(request: Request) -> Response:
        """A text completion; with a thinking field, a forced one."""
        return await _counted(service, "text", request, lambda r: complete(r, "text"))

    for path, handler, endpoint in (("/v1/chat/completions", chat, "chat"), ("/v1/completions", text, "text")):
        schema = body_schema(endpoint)
        app.add_api_route(
            path,
            handler,
            methods=["POST"],
            response_class=JSONResponse,
            responses={200: _REPLY, **{status: _documented(why) for status, why in _STATUSES.items()}},
            openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}},
        )


def _add_reading(app: FastAPI, service: Service, key: str | None) -> None:
    started = int(time.time())
    refusals: dict[int | str, dict[str, Any]] = {s: _documented(_STATUSES[s]) for s in (401, 403, 404, 405, 431)}

    @app.get("/v1/models", responses=refusals)
    async def models(request: Request) -> JSONResponse:
        """What is served, with its efforts and defaults."""
        check_key(request, key)
        return JSONResponse({"object": "list", "data": [_described(service, started)]})

    @app.get("/v1/models/{name:path}", responses=refusals)
    async def model(request: Request, name: str) -> JSONResponse:
        """One model."""
        check_key(request, key)
        if name != service.model.name:
            raise ApiError(
                f"the model {name!r} is not served here; use {service.model.name!r}", status=404, code="model_not_found"
            )
        return JSONResponse(_described(service, started))

    @app.get("/", include_in_schema=False)
    async def playground() -> Response:
        """The page to try it on."""
        content, headers = page()
        return Response(content, headers=headers, media_type="text/html; charset=utf-8")

    @app.get("/health", responses={403: _documented(_STATUSES[403]), 503: {"description": "it cannot serve"}})
    async def health() -> JSONResponse:
        """Whether requests are taken."""
        scheduler = service.scheduler
        state = "failed" if scheduler.failed else "draining" if scheduler.draining else "ok"
        body = {"status": state, **({"reason": scheduler.failed} if scheduler.failed else {})}
        return JSONResponse(body, 200 if state == "ok" else 503)

    @app.get("/metrics", response_class=PlainTextResponse, responses=refusals)
    async def metrics(request: Request) -> PlainTextResponse:
        """Counters, gauges and histograms for Prometheus."""
        check_key(request, key)
        text = service.metrics.text(service.scheduler.gauges())
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


def _described(service: Service, started: int) -> dict[str, Any]:
    """The model as /v1/models shows it."""
    rules, info = service.rules, service.model.info
    return {
        "id": service.model.name,
        "object": "model",
        "created": started,
        "owned_by": "s1kit",
        "max_model_len": info.context_len,
        "format": service.model.format.spec.name,
        "engine": info.name,
        "exact": info.exact,
        "findings": [{**f.model_dump(), "verdict": f.verdict} for f in service.findings],
        "reasoning_efforts": dict(rules.efforts),
        "defaults": {
            "max_thinking_tokens": rules.max_thinking,
            "answer_reserve": rules.max_answer,
            "temperature": rules.temperature,
        },
    }


async def _counted(service: Service, endpoint: str, request: Request, handler: Handler) -> Response:
    """The reply, counted by its status; errors become theirs here."""
    try:
        response = await handler(request)
    except ApiError as error:
        response = _error(error)
    except ClientDisconnect:  # it left while it was still sending
        service.metrics.count("s1_disconnects_total")
        response = Response(status_code=499)
    service.metrics.count("s1_requests_total", labels=f'endpoint="{endpoint}",status="{response.status_code}"')
    return response


def _add_errors(app: FastAPI) -> None:
    async def api(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return _error(error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        paths = "POST /v1/chat/completions, POST /v1/completions, GET /v1/models, GET /health, GET /metrics"
        what = "method" if error.status_code == 405 else "path"
        shown = f"{request.method} {request.url.path}"[:120]
        headers = dict(error.headers or {})
        return _error(
            ApiError(f"no such {what}: {shown}; there are {paths}", status=error.status_code, headers=headers)
        )

    async def broken(_: Request, error: Exception) -> Response:
        return _error(ApiError(f"the server failed ({type(error).__name__}); its log says where", status=500))

    app.add_exception_handler(ApiError, api)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, broken)


def _error(error: ApiError) -> JSONResponse:
    return JSONResponse(error.body(), error.status, headers=error.headers)


def _documented(why: str) -> dict[str, Any]:
    return {"description": why, "content": {"application/json": {"schema": _ERROR_SCHEMA}}}
