from io import BytesIO
from urllib.parse import parse_qs, urlparse

from PIL import Image, ImageDraw
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        query = parse_qs(urlparse(request.url).query)
        width, height = (int(query.get(name, [64])[0]) for name in ("width", "height"))
        if request.method == "POST":
            image = Image.open(BytesIO(await request.bytes())).convert("L").resize((width, height))
        else:
            image = Image.new("RGB", (width, height), query.get("color", ["teal"])[0])
            ImageDraw.Draw(image).rectangle((0, 0, width // 2, height // 2), fill="white")
        out = BytesIO()
        image.save(out, "PNG")
        return Response(
            out.getvalue(), headers={"Content-Type": "image/png", "Cache-Control": "max-age=60"}
        )
