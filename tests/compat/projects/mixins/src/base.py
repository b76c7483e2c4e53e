from workers import Response, WorkerEntrypoint


class Logs:
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.logged = []

    def log(self, text):
        self.logged.append(f"{self.env.NAME}: {text}")


class Routed(WorkerEntrypoint):
    """Routes by method names; subclasses add theirs."""

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.count = 0

    async def fetch(self, request):
        self.count += 1
        name = f"{request.method.lower()}_{request.url.split('/', 3)[3] or 'index'}"
        handler = getattr(self, name, None)
        if handler is None:
            return Response(f"no {name}", status=404)
        return await handler(request)
