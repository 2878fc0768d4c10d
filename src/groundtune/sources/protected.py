"""Office files with a password: opened with one of the project's, else reported as encrypted."""

from __future__ import annotations

import io

from groundtune.sources.converted import Reader
from groundtune.sources.failure import Unusable
from groundtune.sources.zipped import OLE

__all__ = ["encrypted", "unlocked"]


def encrypted(reader: Reader) -> Unusable:
    """The refusal of an encrypted file that none of the passwords opens."""
    tried = f" and none of the {len(reader.passwords)} passwords given opens it" if reader.passwords else ""
    return Unusable(
        f"it is encrypted{tried}",
        "Put its password into an environment variable and name the variable in passwords under [knowledge], or save "
        "the file without a password.",
        "encrypted",
    )


def unlocked(data: bytes, reader: Reader) -> bytes:
    """The zip file inside an encrypted Office file; any other file as it is.

    Raises:
        Unusable: when no password opens it.
    """
    if not data.startswith(OLE):
        return data
    from msoffcrypto import OfficeFile
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError

    for password in reader.passwords:
        plain = io.BytesIO()
        try:
            file = OfficeFile(io.BytesIO(data))
            file.load_key(password=password)
            file.decrypt(plain)
        except (DecryptionError, InvalidKeyError):
            continue
        except FileFormatError as error:
            raise Unusable(f"it is damaged: {error}", "Save it again with an office program.", "damaged") from None
        return plain.getvalue()
    raise encrypted(reader)
