"""A signed message to an address of the user's when a batch has finished. Private addresses are refused unless allowed.

The host's addresses are looked up once and the connection goes to one that was checked; redirects are not followed.
The receiver checks `X-Diascribe-Signature: t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY` under the shared secret.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from diagram.errors import DiascribeError, InputError

_TIMEOUT: Final = 10.0
_TOLD: Final = ("id", "state", "total", "done", "failed", "cancelled", "created", "finished")


class WebhookError(InputError):
    """An address that is not called."""


class NotDeliveredError(DiascribeError):
    """The address did not take the message."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Webhook:
    """secret: shared with the receiver. private: addresses of this machine and network may be called."""

    secret: str
    private: bool = False

    def check(self, url: str) -> None:
        """Whether it may be called.

        Raises:
            WebhookError: it may not; the hint says why.
        """
        self._addresses(url)

    def __call__(self, url: str, status: Mapping[str, Any]) -> None:
        """Tell of a batch.

        Raises:
            WebhookError: it may not be called. NotDeliveredError: it was not taken.
        """
        address = self._addresses(url)[0]
        parts = urlsplit(url)
        body = json.dumps({"event": "batch.finished", "batch": {key: status.get(key) for key in _TOLD}}).encode()
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        headers = {
            "content-type": "application/json",
            "user-agent": "diascribe",
            "x-diascribe-signature": signature(self.secret, body, int(time.time())),
            "host": parts.netloc.rpartition("@")[2],
        }
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT)
        try:
            connection.sock = socket.create_connection((address, port), timeout=_TIMEOUT)
            if parts.scheme == "https":
                connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, headers)
            code = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise NotDeliveredError(f"the webhook is out of reach: {error}") from error
        finally:
            connection.close()
        if not 200 <= code < 300:
            raise NotDeliveredError(f"the webhook answered {code}")

    def _addresses(self, url: str) -> list[str]:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise WebhookError("webhook: this is no address", hint="https://host/path") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or not url.isascii():
            raise WebhookError("webhook: only http and https addresses are called", hint="https://host/path")
        if not self.secret:
            raise WebhookError(
                "webhooks are not set up: there is no secret to sign with", hint="DIASCRIBE_API_WEBHOOK_SECRET=…"
            )
        try:
            found = socket.getaddrinfo(parts.hostname, port or 443, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise WebhookError(f"webhook: there is no host {parts.hostname[:100]}", hint="check the address") from None
        addresses = [str(one[4][0]) for one in found]
        if not self.private and not all(_public(address) for address in addresses):
            raise WebhookError(
                "webhook: addresses of this machine and of private networks are not called",
                hint="an operator may allow it: DIASCRIBE_API_WEBHOOK_PRIVATE=1",
            )
        return addresses


def signature(secret: str, body: bytes, when: int) -> str:
    """The value of the header. when: seconds since 1970; a receiver refuses old ones."""
    digest = hmac.new(secret.encode(), b"%d." % when + body, hashlib.sha256).hexdigest()
    return f"t={when},v1={digest}"


def _public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return found.is_global and not found.is_multicast
