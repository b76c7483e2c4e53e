from workers import Response, WorkerEntrypoint, env, patch_env

import settings


def mask(secret):
    return "*" * (len(secret) - 4) + secret[-4:]


class Default(WorkerEntrypoint):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.host = env.API_HOST.upper()

    async def fetch(self, request):
        if request.url.endswith("/types"):
            return Response.json(
                {
                    "host": type(self.env.API_HOST).__name__,
                    "retries": type(self.env.RETRIES).__name__,
                    "debug": type(self.env.DEBUG).__name__,
                }
            )
        if request.url.endswith("/flags"):
            flags = self.env.FLAGS.to_py()
            return Response.json({**flags, "daily": self.env.FLAGS.limits.daily})
        if request.url.endswith("/global"):
            return Response.json(
                {"host": settings.HOST, "retries": settings.retries(), "key": mask(env.API_KEY)}
            )
        if request.url.endswith("/patched"):
            with patch_env({"RETRIES": 41}):
                return Response(str(settings.retries()))
        if request.url.endswith("/missing"):
            return Response(str(getattr(self.env, "NOT_THERE", "nothing")))
        return Response(f"{self.host} {self.env.RETRIES} {self.env.DEBUG} {mask(self.env.API_KEY)}")
