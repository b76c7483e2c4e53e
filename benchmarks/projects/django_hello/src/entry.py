import os

from django.core.wsgi import get_wsgi_application
from workers import WorkerEntrypoint, wsgi

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
app = get_wsgi_application()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await wsgi.fetch(app, request, self.env)
