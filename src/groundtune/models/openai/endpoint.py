"""Where an endpoint is, the key from the environment, and the SDK's client for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from groundtune.errors import MissingExtra, ProjectError

if TYPE_CHECKING:
    import openai

__all__ = ["OPENAI", "Endpoint"]

OPENAI = "https://api.openai.com/v1"
"""Where requests go without a base_url."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OWN_NETWORK = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
_NO_KEY = "no-key-needed"
_LIKE_A_KEY = re.compile(r"\bsk-[\w*.…-]{4,}|\bBearer \S+")
_LISTING_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One server and the account on it.

    Attributes:
        base_url: Empty is OpenAI's.
        key: Name of the environment variable with the key; empty sends none.
        timeout_seconds: Longest time for one call.
    """

    base_url: str = ""
    key: str = "OPENAI_API_KEY"
    timeout_seconds: float = field(default=60.0, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is no address."""
        parts = urlsplit(self.base_url or OPENAI)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ProjectError(
                f"base_url = {self.base_url!r} is no address of an endpoint. Give one such as "
                f"http://localhost:11434/v1, or leave it empty for {OPENAI}."
            )

    @property
    def url(self) -> str:
        """The address, without a key or password that may stand in it."""
        parts = urlsplit(self.base_url or OPENAI)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine."""
        return urlsplit(self.base_url).hostname in _LOOPBACK

    def client(self) -> openai.OpenAI:
        """A client of the SDK that never retries by itself.

        Raises:
            MissingExtra: when the SDK is not installed.
            ProjectError: when the environment holds no key and the server is not in the user's own network.
        """
        try:
            import openai
        except ImportError:
            raise MissingExtra("A model behind an endpoint", "openai") from None
        if self.key and not self._secret() and not self._in_own_network():
            raise ProjectError(
                f"The environment variable {self.key} holds no key for {self.url}. Set it, as in "
                f'export {self.key}="…", or name another one: [model] key in groundtune.toml. '
                'An endpoint that takes no key: key = "".'
            )
        return openai.OpenAI(
            api_key=self._secret() or _NO_KEY,
            base_url=self.base_url or OPENAI,
            max_retries=0,
            timeout=self.timeout_seconds,
        )

    def models(self) -> list[str]:
        """Names of the models that the endpoint lists; empty when it lists none or cannot say."""
        import openai

        with self.client() as client:
            try:
                return sorted(model.id for model in client.with_options(timeout=_LISTING_SECONDS).models.list())
            except (openai.OpenAIError, AttributeError, TypeError, ValueError):  # whatever stands there is no list
                return []

    def without_key(self, text: str) -> str:
        """A text of the server without the key, and without anything that looks like one."""
        secret = self._secret()
        return _LIKE_A_KEY.sub("[key]", text.replace(secret, "[key]") if secret else text)

    def _secret(self) -> str:
        return os.environ.get(self.key, "").strip() if self.key else ""

    def _in_own_network(self) -> bool:
        """Whether the server is on this machine or next to it, where servers often take no key."""
        host = urlsplit(self.base_url or OPENAI).hostname or ""
        try:
            return ip_address(host).is_private
        except ValueError:
            return "." not in host or host.endswith(_OWN_NETWORK)
