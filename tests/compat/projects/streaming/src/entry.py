import js
from js import ReadableStream, TextDecoder, TextEncoder, TransformStream, Uint8Array
from pyodide.ffi import create_proxy, to_js
from workers import Response, WorkerEntrypoint


async def write(writer, lines):
    encoder = TextEncoder.new()
    for line in lines:
        await writer.write(encoder.encode(line + "\n"))
    await writer.close()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        match request.url.split("/", 3)[3]:
            case "lines":
                ends = TransformStream.new()
                self.ctx.waitUntil(write(ends.writable.getWriter(), ["one", "two", "thrée"]))
                return Response(ends.readable, headers={"content-type": "text/plain"})
            case "pull":
                left = [b"three", b"two", b"one"]

                def pull(controller):
                    if left:
                        controller.enqueue(to_js(left.pop()))
                    else:
                        controller.close()

                source = to_js({"pull": create_proxy(pull)}, dict_converter=js.Object.fromEntries)
                return Response(ReadableStream.new(source))
            case "through":
                return Response(
                    request.body, headers={"content-type": request.headers["content-type"]}
                )
            case "count":
                chunks, size = 0, 0
                async for chunk in request.body:
                    chunks, size = chunks + 1, size + chunk.byteLength
                return Response.json({"size": size, "some": chunks > 0})
            case "reader":
                reader = request.body.getReader()
                decoder = TextDecoder.new()
                text = ""
                while not (read := await reader.read()).done:
                    text += decoder.decode(read.value)
                return Response(text.upper())
            case "bytes":
                return Response(Uint8Array.new([0, 127, 255]))
            case "buffer":
                return Response(Uint8Array.new(to_js([1, 2, 3])).buffer)
        return Response("?", status=404)
