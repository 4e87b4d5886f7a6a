"""The command `mcp` of the command line; `cli` registers it. Heavy imports stay inside."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Over HTTP (streamable) instead of stdin and stdout.")] = False,
    host: Annotated[str, typer.Option(help="Where to listen; elsewhere than on this machine needs keys.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8001,
    workers: Annotated[int, typer.Option(min=1, help="Reading processes.")] = 1,
) -> None:
    """Serve tools to assistants by the Model Context Protocol: describe, draw and search diagrams, check Mermaid."""
    from pipeline.cli import settings
    from pipeline.mcp import make_server

    if not http:
        make_server(settings(), workers=workers).run("stdio")
        return
    from api.serve import run_guarded
    from api.settings import Service

    given: dict[str, Any] = {"port": port, **({"host": host} if host else {})}
    service = Service(**given)
    server = make_server(settings(), workers=workers, local=False)
    # Names of hosts and keys are the guard's business.
    from mcp.server.transport_security import TransportSecuritySettings

    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server.streamable_http_app(
        transport_security=security, host=service.host, max_request_body_size=service.max_bytes * 2
    )
    run_guarded(app, service, lambda url: print(f"Diascribe's tools: {url}/mcp", file=sys.stderr, flush=True))
