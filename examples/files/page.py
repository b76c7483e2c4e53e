"""The pages: a form to upload, and what to do with a file that was."""

from __future__ import annotations

from html import escape

# The pages' own style and nothing else: no script, no frame, no form that goes elsewhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"

STYLE = """
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
form, p { margin: 1.5rem 0 }
input, button { font: inherit }
code { overflow-wrap: anywhere }
"""


def upload() -> str:
    """The form."""
    return _page(
        "Share a file",
        """
<form method="post" enctype="multipart/form-data">
  <input type="file" name="file" required>
  <button>Upload</button>
</form>
<p>Whoever has the link can download it.</p>""",
    )


def uploaded(name: str, link: str, token: str) -> str:
    """The link to a file, and how to remove it."""
    return _page(
        name,
        f"""
<p><a href="{escape(link)}">{escape(link)}</a></p>
<p>To remove it: <code>curl -X DELETE {escape(link)} -H 'authorization: Bearer {escape(token)}'</code></p>
<p><a href="/">Share another one</a></p>""",
    )


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{STYLE}</style>
<h1>{escape(title)}</h1>{body}
</html>
"""
