from http.cookies import SimpleCookie

from js import Headers
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        jar = SimpleCookie(request.headers.get("Cookie", ""))
        match request.url.split("/", 3)[3]:
            case "read":
                return Response.json({name: morsel.value for name, morsel in jar.items()})
            case "visit":
                visits = int(jar["visits"].value) + 1 if "visits" in jar else 1
                return Response(
                    f"visit {visits}",
                    headers={"Set-Cookie": f"visits={visits}; Path=/; Max-Age=3600"},
                )
            case "pairs":
                headers = [
                    ("Set-Cookie", "a=1; Path=/"),
                    ("Set-Cookie", "b=2; HttpOnly"),
                    ("X-Many", "1"),
                    ("X-Many", "2"),
                ]
                return Response("pairs", headers=headers)
            case "js":
                headers = Headers.new()
                headers.append("Set-Cookie", "c=3; Secure")
                headers.append("Set-Cookie", "d=4, five")
                return Response("js", headers=headers)
            case "forget":
                jar = SimpleCookie()
                jar["visits"] = ""
                jar["visits"]["expires"] = "Thu, 01 Jan 1970 00:00:00 GMT"
                jar["visits"]["samesite"] = "Lax"
                return Response(
                    None, status=204, headers={"Set-Cookie": jar["visits"].OutputString()}
                )
        return Response("?", status=404)
