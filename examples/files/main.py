"""Files: upload one, by a form or by curl, and share the link. They are kept in R2.

Bytes stream through, in both directions: a file may be larger than the memory. Downloads can be
resumed, since R2 understands a request's own headers: `Range`, `If-None-Match` and the like.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urljoin

import page
from edgekit import App, Env, File, Headers, HTTPError, R2Bucket, R2ObjectBody, Request, Response

MAX_NAME = 255  # characters


class AppEnv(Env):
    FILES: R2Bucket


app = App(AppEnv)


@app.get("/")
async def index(request: Request) -> Response:
    return html(page.upload())


@app.post("/")
async def upload_form(request: Request, env: AppEnv) -> Response:
    file = (await request.form_data()).get("file")
    if not isinstance(file, File) or not file.name:
        raise HTTPError(400, "Choose a file.")
    link, token = await store(request, env, file.name, file, file.type)
    return html(page.uploaded(file.name, link, token), status=201)


@app.put("/{name}")
async def upload(request: Request, env: AppEnv) -> Response:
    """`curl -T report.pdf http://localhost:8787/`: curl adds the file's name to the path."""
    type = request.headers.get("content-type", "")
    link, token = await store(request, env, request.params["name"], request.body or b"", type)
    return Response.json({"link": link, "token": token}, status=201)


@app.get("/{id}/{name}")
async def download(request: Request, env: AppEnv) -> Response:
    about = await env.FILES.head(request.params["id"])
    if about is None:
        raise HTTPError(404, "There is no such file.")
    # Who resumes a download names the file that he has a part of. Of another one he gets all.
    same = request.headers.get("if-range", about.http_etag) == about.http_etag
    part = request.headers if same else None
    found = await env.FILES.get(about.key, only_if=request.headers, range=part)
    if found is None:  # removed meanwhile
        raise HTTPError(404, "There is no such file.")
    headers = Headers(
        {
            "accept-ranges": "bytes",
            "etag": found.http_etag,
            "content-disposition": f"attachment; filename*=UTF-8''{quote(request.params['name'])}",
            # What a stranger has uploaded is no page of this site, whatever its type says.
            "content-security-policy": "sandbox",
            "x-content-type-options": "nosniff",
        }
    )
    found.write_http_metadata(headers)
    if not isinstance(found, R2ObjectBody):  # one of the If- headers did not hold
        unchanged = "if-none-match" in request.headers or "if-modified-since" in request.headers
        return Response(None, status=304 if unchanged else 412, headers=headers)
    start, length = (found.range.offset, found.range.length) if found.range else (0, found.size)
    headers["content-length"] = str(length)
    if length == found.size:
        return Response(found.body, headers=headers)
    headers["content-range"] = f"bytes {start}-{start + length - 1}/{found.size}"
    return Response(found.body, status=206, headers=headers)


@app.delete("/{id}/{name}")
async def remove(request: Request, env: AppEnv) -> Response:
    about = await env.FILES.head(request.params["id"])
    if about is None:
        raise HTTPError(404, "There is no such file.")
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(digest(token), about.custom_metadata["token"]):
        raise HTTPError(403, "Only who has uploaded a file can remove it.")
    await env.FILES.delete(about.key)
    return Response(None, status=204)


async def store(
    request: Request, env: AppEnv, name: str, content: Any, type: str
) -> tuple[str, str]:
    """Keep a file; returns its link, and the token with which it can be removed."""
    if len(name) > MAX_NAME:
        raise HTTPError(400, f"The name of a file has at most {MAX_NAME} characters.")
    id, token = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    await env.FILES.put(
        id,
        content,
        http_metadata={"contentType": type or "application/octet-stream"},
        # Not the token itself: who can read the bucket cannot remove files by it.
        custom_metadata={"token": digest(token)},
    )
    return urljoin(request.url, f"/{id}/{quote(name, safe='')}"), token


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def html(text: str, status: int = 200) -> Response:
    return Response.html(text, status=status, headers={"content-security-policy": page.POLICY})
