"""Those whom we tell: a Sentry and a collector of traces on loopback that keep what was really sent, and any other server."""

import contextlib
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Listener:
    """Answers 200 to whatever is posted. bodies: what came, unpacked."""

    def __init__(self, port: int, bodies: list[bytes]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.dsn = f"http://public@127.0.0.1:{port}/1"
        self.bodies = bodies

    @property
    def reports(self) -> list[dict[str, Any]]:
        """The events of Sentry's envelopes: a line of header, then for each item a line of header and its payload."""
        found: list[dict[str, Any]] = []
        for body in list(self.bodies):
            _, _, rest = body.partition(b"\n")
            while rest.strip():
                line, _, rest = rest.partition(b"\n")
                header = json.loads(line)
                payload, rest = rest[: header["length"]], rest[header["length"] :].lstrip(b"\n")
                if header["type"] == "event":
                    found.append(json.loads(payload))
        return found

    @property
    def spans(self) -> list[dict[str, Any]]:
        """The spans of OTLP's requests, their ids as hexadecimals."""
        found: list[dict[str, Any]] = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                found += [_span(span) for scope in resource.scope_spans for span in scope.spans]
        return found


def _span(span: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "failed": span.status.code == 2,
        **{item.key: item.value.string_value or item.value.int_value for item in span.attributes},
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes


# HTTP status, content type and body.
Said = tuple[int, str, bytes]


@contextlib.contextmanager
def serving(answer: Callable[[Asked], Said]) -> Iterator[int]:
    """Answer on a thread of its own, also while a test waits for a process; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, kind, content = answer(Asked(self.command, self.path, self.headers, body))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815 — http.server's own name

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    """Listen, and say yes to everything."""
    bodies: list[bytes] = []

    def hear(asked: Asked) -> Said:
        packed = asked.headers.get("content-encoding") == "gzip"
        bodies.append(gzip.decompress(asked.body) if packed else asked.body)
        return 200, "text/plain", b""

    with serving(hear) as port:
        yield Listener(port, bodies)
