import base64
import hashlib
import hmac

import js
from pyodide.ffi import to_js
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method != "POST":
            return Response("Method not allowed", status=405, headers={"Allow": "POST"})
        body = await request.bytes()
        given = request.headers.get("X-Signature", "")
        if request.url.endswith("/js"):
            key = await js.crypto.subtle.importKey(
                "raw",
                to_js(self.env.SECRET.encode()),
                to_js({"name": "HMAC", "hash": "SHA-256"}, dict_converter=js.Object.fromEntries),
                False,
                to_js(["sign", "verify"]),
            )
            signature = await js.crypto.subtle.sign("HMAC", key, to_js(body))
            good = (
                await js.crypto.subtle.verify("HMAC", key, to_js(bytes.fromhex(given)), to_js(body))
                if given
                else False
            )
            return Response.json({"good": good, "signature": bytes(signature.to_py()).hex()})
        wanted = hmac.new(self.env.SECRET.encode(), body, hashlib.sha256)
        if not hmac.compare_digest(wanted.hexdigest(), given):
            return Response("bad signature", status=401)
        return Response.json({"event": base64.b64encode(body).decode(), "size": len(body)})
