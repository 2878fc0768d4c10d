"""The pages to ask on and to read the cited documents; they hold no logic of their own."""

from groundtune.web.site import create_site

__all__ = ["create_site"]
