"""Whom the channels trust on the internet."""

import ssl

import certifi


def context(ca: str | None) -> ssl.SSLContext:
    """Return a context that trusts one CA alone, else the public ones.

    Never those of SSL_CERT_FILE: there a deployment names the CA of its own services.
    """
    return ssl.create_default_context(cafile=ca or certifi.where())
