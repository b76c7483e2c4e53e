from urllib.parse import unquote, urlparse

from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        key = unquote(urlparse(request.url).path[1:])
        bucket = self.env.BUCKET
        match request.method:
            case "PUT" | "POST":
                kept = await bucket.put(
                    key,
                    await request.bytes() if request.method == "PUT" else request.body,
                    httpMetadata={"contentType": request.headers["content-type"]},
                    customMetadata={"by": request.headers.get("x-by", "nobody")},
                )
                return Response.json(
                    {
                        "key": kept.key,
                        "size": kept.size,
                        "etag": kept.etag,
                        "quoted": kept.httpEtag,
                    },
                    status=201,
                )
            case "HEAD":
                found = await bucket.head(key)
                if found is None:
                    return Response(None, status=404)
                return Response(None, headers={"etag": found.httpEtag, "x-size": str(found.size)})
            case "DELETE":
                await bucket.delete(key)
                return Response(None, status=204)
            case "GET" if key:
                return await self.get(bucket, key, request)
            case "GET":
                listed = await bucket.list(delimiter="/", include=["customMetadata"])
                return Response.json(
                    {
                        "objects": [[each.key, each.size] for each in listed.objects],
                        "prefixes": list(listed.delimitedPrefixes),
                        "truncated": listed.truncated,
                    }
                )
        return Response("no", status=405, headers={"allow": "GET, HEAD, PUT, DELETE"})

    async def get(self, bucket, key, request):
        options = {}
        if wanted := request.headers.get("x-range"):
            offset, length = wanted.split("-")
            options["range"] = {"offset": int(offset), "length": int(length)}
        if etag := request.headers.get("if-none-match"):
            options["onlyIf"] = {"etagDoesNotMatch": etag.strip('"')}
        found = await bucket.get(key, options)
        if found is None:
            return Response("no such file", status=404)
        headers = {"etag": found.httpEtag, "x-by": found.customMetadata["by"]}
        if "x-upper" in request.headers:
            text = await found.text()
            return Response(text.upper(), headers=headers)
        if not hasattr(found, "body") or found.body is None:
            return Response(None, status=304, headers=headers)
        headers["content-type"] = found.httpMetadata.contentType
        return Response(found.body, headers=headers)
