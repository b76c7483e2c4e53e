"""From configuration to `env`: analytics, hyperdrive, send_email, ai and vectorize."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit import (
    Ai,
    AnalyticsEngineDataset,
    App,
    ConfigError,
    Env,
    Hyperdrive,
    Request,
    SendEmail,
    Vectorize,
)
from edgekit.config import load
from edgekit.errors import EmailError, UnsupportedError
from edgekit.testing import TestClient

DSN = "postgres://user:s3cret@db.example.com/app"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEKIT_CONFIG", str(tmp_path))
    for name in ("EDGEKIT_SMTP", "EDGEKIT_AI_URL", "EDGEKIT_AI_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def configure(project: Path, **keys: Any) -> None:
    (project / "wrangler.jsonc").write_text(json.dumps(keys))


def app_of(declared: type[Env] = Env) -> App:
    app = App(declared)

    @app.get("/")
    async def index(request: Request, env: Env) -> str:
        return repr(env)

    return app


async def test_each_kind_is_its_class(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class AppEnv(Env):
        POINTS: AnalyticsEngineDataset
        DB: Hyperdrive
        MAIL: SendEmail
        AI: Ai
        DOCS: Vectorize

    configure(
        project,
        analytics_engine_datasets=[{"binding": "POINTS", "dataset": "weather"}],
        hyperdrive=[{"binding": "DB", "id": "x", "localConnectionString": DSN}],
        send_email=[{"name": "MAIL", "allowed_sender_addresses": ["a@x.com"]}],
        ai={"binding": "AI"},
        vectorize=[{"binding": "DOCS", "index_name": "docs"}],
    )
    monkeypatch.setenv("EDGEKIT_SMTP", "smtp://user:s3cret@localhost")
    monkeypatch.setenv("EDGEKIT_AI_URL", "http://localhost:1/v1")
    async with TestClient(app_of(AppEnv)) as client:
        env = client.env
        assert isinstance(env, AppEnv)
        assert (env.DB.user, env.DB.password, env.DB.port) == ("user", "s3cret", 5432)
        env.POINTS.write_data_point(blobs=["x"])
        with pytest.raises(EmailError, match=r"email from b@x\.com not allowed"):
            await env.MAIL.send(from_="b@x.com", to="c@x.com", subject="s", text="")
        assert "s3cret" not in await (await client.get("/")).text()
        assert "s3cret" not in repr(vars(env))


async def test_without_a_file_there_is_all_but_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class AppEnv(Env):
        POINTS: AnalyticsEngineDataset
        MAIL: SendEmail
        AI: Ai
        DOCS: Vectorize

    class WithDatabase(Env):
        DB: Hyperdrive

    monkeypatch.chdir(tmp_path)
    async with TestClient(app_of(AppEnv)) as client:
        with pytest.raises(UnsupportedError, match="EDGEKIT_AI_URL"):
            await client.env["AI"].run("m", {"prompt": "x"})
        with pytest.raises(EmailError, match="EDGEKIT_SMTP"):
            await client.env["MAIL"].send(from_="b@x.com", to="c@x.com", subject="s")
    with pytest.raises(ConfigError, match="DB: a Hyperdrive needs a wrangler configuration file"):
        async with TestClient(app_of(WithDatabase)):
            pass


async def test_what_a_test_gives_is_not_made(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configure(
        project,
        hyperdrive=[{"binding": "DB"}],
        send_email=[{"name": "MAIL"}],
        ai={"binding": "AI"},
    )
    async with TestClient(app_of(), env={"DB": 1, "MAIL": 2, "AI": 3}) as client:
        assert [client.env[name] for name in ("DB", "MAIL", "AI")] == [1, 2, 3]
    assert not caplog.records


async def test_what_cannot_work_in_production_is_a_warning(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configure(project, send_email=[{"name": "MAIL"}], ai={"binding": "AI"})
    async with TestClient(app_of()):
        pass
    assert [record.message for record in caplog.records] == [
        "MAIL: EDGEKIT_SMTP is not set: no email can be sent",
        "AI: EDGEKIT_AI_URL is not set: no model can be run",
    ]


# Hyperdrive


@pytest.mark.parametrize("owner", ["CLOUDFLARE", "WRANGLER"])
def test_connection_string_comes_from_the_environment_first(project: Path, owner: str) -> None:
    configure(project, hyperdrive=[{"binding": "DB", "localConnectionString": "file"}])
    name = f"{owner}_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB"
    config = load(project, environ={name: "environment"})
    assert config.connection_string(config.hyperdrive[0]) == "environment"
    (project / ".env").write_text(f"{name}=secrets file\n")
    config = load(project, environ={})
    assert config.connection_string(config.hyperdrive[0]) == "secrets file"
    (project / ".env").unlink()
    config = load(project, environ={})
    assert config.connection_string(config.hyperdrive[0]) == "file"


async def test_connection_string_that_is_nowhere_is_told(project: Path) -> None:
    configure(project, hyperdrive=[{"binding": "DB", "id": "x"}])
    text = r"hyperdrive \(DB\): set CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB in the environment"
    with pytest.raises(ConfigError, match=text):
        async with TestClient(app_of()):
            pass


async def test_connection_string_that_is_wrong_is_told_and_not_shown(project: Path) -> None:
    configure(project, hyperdrive=[{"binding": "DB", "localConnectionString": "x://u:s3cret@h/d"}])
    with pytest.raises(
        ConfigError, match=r"hyperdrive \(DB\): the connection string must be"
    ) as caught:
        async with TestClient(app_of()):
            pass
    assert "s3cret" not in str(caught.value)


def test_configuration_shows_no_secret(project: Path) -> None:
    configure(project, hyperdrive=[{"binding": "DB", "localConnectionString": DSN}])
    environ = {"EDGEKIT_SMTP": "smtp://u:s3cret@h", "EDGEKIT_AI_KEY": "s3cret"}
    config = load(project, environ=environ)
    assert "s3cret" not in repr(config)
    assert "s3cret" not in repr(config.hyperdrive)


# Email


@pytest.mark.parametrize(
    ("environ", "smtp"),
    [
        ({}, None),
        ({"EDGEKIT_SMTP": ""}, None),
        ({"EDGEKIT_SMTP": "smtp://u:p@h"}, "smtp://u:p@h"),
        ({"EDGEKIT_SMTP": "file:out"}, "file:{root}/out"),
        ({"EDGEKIT_MODE": "development"}, "file:{root}/.edgekit/state/email"),
        (
            {"EDGEKIT_MODE": "development", "EDGEKIT_STORE": "sqlite:/var/x"},
            "file:/var/x/email",
        ),
        (
            {"EDGEKIT_MODE": "development", "EDGEKIT_STORE": "memory:"},
            "file:{root}/.edgekit/state/email",
        ),
        ({"EDGEKIT_MODE": "development", "EDGEKIT_SMTP": "smtps://h"}, "smtps://h"),
    ],
)
def test_way_of_email(project: Path, environ: dict[str, str], smtp: str | None) -> None:
    configure(project, send_email=[{"name": "MAIL"}])
    expected = smtp and smtp.format(root=project)
    assert load(project, environ=environ).smtp == expected


async def test_in_development_email_is_a_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(project, send_email=[{"name": "MAIL", "destination_address": "b@x.com"}])
    monkeypatch.setenv("EDGEKIT_MODE", "development")
    app = app_of()

    @app.post("/send")
    async def send(request: Request, env: Env) -> str:
        sent = await env["MAIL"].send(from_="a@x.com", to="b@x.com", subject="Hi", text="Hello")
        return str(sent.messageId)

    async with TestClient(app) as client:
        id = await (await client.post("/send")).text()
        with pytest.raises(EmailError, match=r"email to c@x\.com not allowed"):
            await client.env["MAIL"].send(from_="a@x.com", to="c@x.com", subject="Hi")
    (file,) = (project / ".edgekit" / "state" / "email").iterdir()
    assert id in file.read_text()


# AI


async def test_models_are_named_in_the_configuration(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(
        project,
        ai={"binding": "AI"},
        edgekit={"ai_models": {"@cf/meta/llama": "llama3.2", "*": "x"}},
    )
    monkeypatch.setenv("EDGEKIT_AI_URL", "http://localhost:1/v1")
    async with TestClient(app_of()) as client:
        ai = client.env["AI"]
        assert (ai._name_of("@cf/meta/llama"), ai._name_of("other")) == ("llama3.2", "x")
