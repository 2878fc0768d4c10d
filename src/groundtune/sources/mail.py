"""Mail messages (EML) to Markdown: who wrote what to whom and when, the text, and attachments that are text."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage, MIMEPart

from groundtune.sources.converted import Converted, Loss, Reader
from groundtune.sources.decode import decode, is_wide
from groundtune.sources.failure import Unusable
from groundtune.sources.html import convert_html

__all__ = ["convert_eml"]

_SHOWN = ("Subject", "From", "To", "Cc", "Date")
_ENCRYPTED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})


def convert_eml(data: bytes, reader: Reader) -> Converted:
    """Convert one message; of a text that it holds as plain text and as HTML, the plain text counts.

    Raises:
        Unusable: when it is encrypted or has neither headers nor text.
    """
    del reader
    if is_wide(data):
        data = decode(data).encode()
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    if message.get_content_type() in _ENCRYPTED:
        raise Unusable("it is encrypted", "Save the message decrypted from your mail program.", "encrypted")
    headers = {name: " ".join(str(message[name]).split()) for name in _SHOWN if message[name]}
    body = _body(message)
    if not headers and not body.strip():
        raise Unusable("it is empty", "Put text into it, or remove it from the sources.", "empty")
    attached = [(part.get_filename() or part.get_content_type(), part) for part in message.iter_attachments()]
    sections = [f"## Attachment {name}\n\n{_text(part)}" for name, part in attached if _is_text(part)]
    head = "\n".join(f"{name}: {value}" for name, value in headers.items())
    metadata = {name.lower(): value for name, value in headers.items() if name != "From"}
    if "From" in headers:
        metadata["author"] = headers["From"]
    return Converted(
        title=headers.get("Subject", ""),
        text="\n\n".join(filter(None, [head, body.strip(), *sections])) + "\n",
        metadata=metadata,
        losses=tuple(_lost([name for name, part in attached if not _is_text(part)])),
    )


def _body(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    return "" if part is None else _text(part)


def _is_text(part: MIMEPart) -> bool:
    return part.get_content_maintype() == "text"


def _text(part: MIMEPart) -> str:
    try:
        text = part.get_content()
    except (LookupError, ValueError):
        # A charset that does not exist: its bytes are read as those of any text file.
        payload = part.get_payload(decode=True)
        text = decode(payload) if isinstance(payload, bytes) else ""
    text = text.replace("\r\n", "\n")
    return convert_html(text).text if part.get_content_subtype() == "html" else text


def _lost(names: list[str]) -> Iterator[Loss]:
    if names:
        reason = f"what is attached was not read: {', '.join(names)}"
        yield Loss(reason, "Save the attachments beside the message if their text counts.", "unsupported")
