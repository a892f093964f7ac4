"""What a page may load and run: nothing but what stands in it."""

from __future__ import annotations

import base64
import hashlib
import re

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_CHARSET = '<meta charset="utf-8">'


def under_policy(page: str, images: str = "data:") -> str:
    """Put a content security policy into a page without scripts: its own styles by their digest, and pictures.

    Text of others that slipped through the escaping could then neither run nor call anybody.

    Args:
        page: HTML with ``<meta charset="utf-8">``; no element has a style or a script of its own.
        images: where pictures may come from: ``data:``, ``'self' file:`` (beside the page).

    Raises:
        ValueError: the page says no charset, so that there is no place for the policy.
    """
    if _CHARSET not in page:
        raise ValueError(f"a page under a policy begins with {_CHARSET}")
    digests = [hashlib.sha256(style.encode()).digest() for style in _STYLE.findall(page)]
    styles = " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests) or "'none'"
    policy = f"default-src 'none'; img-src {images}; style-src {styles}; base-uri 'none'; form-action 'none'"
    return page.replace(_CHARSET, f'{_CHARSET}\n<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)
