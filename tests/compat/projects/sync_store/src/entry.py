from pyodide.ffi import can_run_sync, run_sync
from workers import Response, WorkerEntrypoint, fetch


class Store:
    """A synchronous interface over bindings, for code that knows nothing of await."""

    def __init__(self, env):
        self._env = env

    def __getitem__(self, key):
        value = run_sync(self._env.KV.get(key))
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key, value):
        run_sync(self._env.KV.put(key, value))

    def execute(self, sql, *parameters):
        return run_sync(self._env.DB.prepare(sql).bind(*parameters).all()).results


def count(store):
    try:
        store["count"] = str(int(store["count"]) + 1)
    except KeyError:
        store["count"] = "1"
    return store["count"]


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        store = Store(self.env)
        match request.url.split("/", 3)[3]:
            case "count":
                return Response(count(store))
            case "can":
                return Response(str(can_run_sync()))
            case "sql":
                store.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
                store.execute("INSERT INTO t VALUES (?)", 7)
                return Response.json(
                    [row["n"] for row in store.execute("SELECT n FROM t WHERE n > ?", 1)]
                )
            case "fetch":
                answer = run_sync(fetch(request.url.replace("/fetch", "/count")))
                return Response("before: " + run_sync(answer.text()))
            case "error":
                try:
                    run_sync(self.env.KV.put("k", "v", {"expirationTtl": 1}))
                except Exception as error:
                    return Response(str(error), status=400)
        return Response("?", status=404)
