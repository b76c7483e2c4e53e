async def handle(request):
    from datetime import date

    from workers import Response

    return Response.json({"weekday": date(2026, 11, 25).strftime("%A")})
