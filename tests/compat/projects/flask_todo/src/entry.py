import json

from flask import Flask, abort, jsonify, make_response, redirect, render_template, request, url_for
from pyodide.ffi import run_sync
from workers import WorkerEntrypoint, wsgi

app = Flask(__name__)


def kv():
    return request.environ["workers.env"].TODO


def items():
    return json.loads(run_sync(kv().get("items")) or "[]")


@app.get("/")
def listed():
    return render_template("list.html", items=items())


@app.post("/add")
def add():
    text = request.form["text"]
    run_sync(kv().put("items", json.dumps([*items(), text])))
    return redirect(url_for("listed"), code=303)


@app.get("/api")
def api():
    return jsonify(items=items(), path=request.path, q=request.args.get("q"))


@app.post("/upload")
def upload():
    file = request.files["file"]
    return f"{file.filename}: {len(file.read())} bytes"


@app.get("/cookie")
def cookie():
    response = make_response("baked")
    response.set_cookie("a", "1", path="/a")
    response.set_cookie("b", "2", httponly=True)
    return response


@app.get("/stream")
def stream():
    return (f"{number}\n" for number in range(5)), {"content-type": "text/plain"}


@app.get("/forbidden")
def forbidden():
    abort(403)


@app.get("/name/<name>")
def name(name):
    return f"name: {name}"


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await wsgi.fetch(app, request, self.env, self.ctx)
