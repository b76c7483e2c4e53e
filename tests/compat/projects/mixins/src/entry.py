from base import Logs, Routed
from workers import Response


class Default(Logs, Routed):
    async def get_index(self, request):
        self.log("index")
        return Response(f"{self.logged} {self.count}")

    async def post_index(self, request):
        return Response(f"posted {await request.text()}")

    async def patch_index(self, request):
        return Response(f"patched {type(request.method).__name__}")

    def get_later(self, request):
        return self.get_index(request)
