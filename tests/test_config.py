"""What edgekit.config makes of wrangler files, secrets files and EDGEKIT_* variables."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit import config, formats
from edgekit.config import Config, load
from edgekit.errors import ConfigError
from edgekit.wrangler import NOT_YET

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file into the temporary folder: JSON for a mapping, text as it is."""

    def _write(content: str | Mapping[str, Any], name: str = "wrangler.jsonc") -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return file

    return _write


def read(path: Path, env: str | None = None, **environ: str) -> Config:
    return load(path, env=env, environ=environ)


def refusal(path: Path, env: str | None = None, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(path, env, **environ)
    return str(caught.value)


# --- which file ------------------------------------------------------------------------------------


def test_the_nearest_folder_upward_with_a_wrangler_file_is_used(
    write: Write, tmp_path: Path
) -> None:
    write({"name": "far"}, "wrangler.json")
    near = write('name = "near"', "a/wrangler.toml")
    (tmp_path / "a/b/c").mkdir(parents=True)
    found = load(start=tmp_path / "a/b/c", environ={})
    assert (found.name, found.path, found.root) == ("near", near, near.parent)


def test_in_one_folder_json_comes_before_jsonc_before_toml(write: Write, tmp_path: Path) -> None:
    write('name = "toml"', "wrangler.toml")
    assert load(start=tmp_path, environ={}).name == "toml"
    write({"name": "jsonc"}, "wrangler.jsonc")
    assert load(start=tmp_path, environ={}).name == "jsonc"
    write({"name": "json"}, "wrangler.json")
    assert load(start=tmp_path, environ={}).name == "json"


def test_an_explicit_path_comes_before_edgekit_config_before_the_search(
    write: Write, tmp_path: Path
) -> None:
    write({"name": "searched"})
    explicit = write({"name": "explicit"}, "conf/prod.jsonc")
    variable = write({"name": "variable"}, "conf/other.json")
    environ = {"EDGEKIT_CONFIG": str(variable)}
    assert load(explicit, start=tmp_path, environ=environ).name == "explicit"
    assert load(start=tmp_path, environ=environ).name == "variable"
    assert load(start=tmp_path, environ={"EDGEKIT_CONFIG": ""}).name == "searched"


def test_a_folder_as_path_or_edgekit_config_is_where_the_search_begins(
    write: Write, tmp_path: Path
) -> None:
    write({"name": "above"})
    folder = tmp_path / "src"
    folder.mkdir()
    assert read(folder).name == "above"
    assert load(environ={"EDGEKIT_CONFIG": str(folder)}).name == "above"


def test_the_search_begins_in_the_current_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write({"name": "here"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKIT_CONFIG", "")
    monkeypatch.setenv("CLOUDFLARE_ENV", "")
    assert load().name == "here"


def test_without_a_file_there_is_a_config_of_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing between the temporary folder and the root may be found.
    monkeypatch.setattr(config, "FILE_NAMES", ("no-such-name.json",))
    found = load(start=tmp_path, environ={})
    assert (found.path, found.root, found.name, found.vars) == (None, tmp_path, None, {})
    assert found.kv_namespaces == ()
    assert (found.trusted_proxies, found.max_body_bytes) == ((), 104_857_600)
    assert (found.mode, found.development, found.blobs) == ("production", False, None)


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "gone" / "wrangler.jsonc"
    assert str(missing) in refusal(missing)


def test_a_file_of_another_ending_is_refused(write: Write) -> None:
    assert "ends in .jsonc, .json or .toml" in refusal(write("name: x", "wrangler.yaml"))


# --- JSONC and TOML --------------------------------------------------------------------------------


def test_comments_and_trailing_commas_are_allowed(write: Write) -> None:
    file = write(
        """\
        // a worker
        {
          "name": "w", /* name
          "name": "commented out", */
          "vars": {"URL": "https://x//y", "S": "/* no */ // \\" ,] ,}", "L": [1, 2, ], "E": []},
          "compatibility_flags": ["a", // why
          ],
        }
        """
    )
    found = read(file)
    assert found.name == "w"
    assert found.compatibility_flags == ("a",)
    assert found.vars == {"URL": "https://x//y", "S": '/* no */ // " ,] ,}', "L": [1, 2], "E": []}


def test_a_json_file_is_jsonc_too_and_may_begin_with_a_byte_order_mark(write: Write) -> None:
    assert read(write('\ufeff{"name": "w",} // end', "wrangler.json")).name == "w"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n  "a": 1\n  "b": 2\n}', "3:3"),
        ('{\n  /* long\n comment */ "a" 1}', "3:17"),
        ('{"a": tru}', "1:7"),
        ('{"a": [,]}', "1:8"),
        ('{"a": [1,,]}', "1:10"),
        ('{"a":,}', "1:6"),
        ("{,}", "1:2"),
        ('{"a": 1} x', "1:10"),
        ('{\r\n"a": "open\n}', "2:6"),
        ('{"a": "x\ny"}', "1:9"),
        ('{ /* open "a": 1}', "1:3"),
        ('{"a": 1 / 2}', "1:9"),
        ('{"a": NaN}', "1:7"),
        ('{"a": -Infinity}', "1:7"),
        ("", "1:1"),
        ("// nothing", "1:11"),
    ],
)
def test_a_json_syntax_error_says_line_and_column(write: Write, text: str, place: str) -> None:
    file = write(text)
    assert refusal(file).startswith(f"{file}:{place}: ")


@pytest.mark.parametrize(
    ("text", "place"),
    [("a = 1\nb = = 2\n", "2:5"), ('a = 1\nb = """x', "2:9")],
)
def test_a_toml_syntax_error_says_line_and_column(write: Write, text: str, place: str) -> None:
    file = write(text, "wrangler.toml")
    assert refusal(file).startswith(f"{file}:{place}: ")


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "null"])
def test_a_document_that_is_no_object_is_refused(write: Write, text: str) -> None:
    assert "expected an object" in refusal(write(text))


@pytest.mark.parametrize("levels", [80, 200_000])
def test_nesting_is_bounded(write: Write, levels: int) -> None:
    message = refusal(write('{"vars": {"A": ' + "[" * levels + "]" * levels + "}}"))
    assert "nested more than 64 levels deep" in message
    message = refusal(write("a = " + "[" * levels + "]" * levels, "wrangler.toml"))
    assert "nested more than 64 levels deep" in message


def test_size_is_bounded(write: Write) -> None:
    just = '{"vars": {"A": "%s"}}'
    fill = "x" * (1024 * 1024 - len(just) + 2)
    assert read(write(just % fill)).vars["A"] == fill
    assert "larger than 1048576 bytes" in refusal(write(just % (fill + "x")))


@pytest.mark.parametrize("name", ["wrangler.jsonc", "wrangler.toml"])
def test_an_integer_of_thousands_of_digits_is_refused(write: Write, name: str) -> None:
    digits = "9" * 5000
    file = write(f"v = {digits}" if name.endswith("toml") else f'{{"v": {digits}}}', name)
    assert refusal(file).startswith(f"{file}: ")


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "wrangler.jsonc"
    file.write_bytes(b'{\n"name": "\xff"}')
    assert refusal(file) == f"{file}:2: not UTF-8 text"


@pytest.mark.parametrize("value", ["2025-12-19", "10:00:00", "2025-12-19T10:00:00Z"])
def test_a_toml_date_is_refused_with_its_key(write: Write, value: str) -> None:
    file = write(f"[vars]\nA = [{{ SINCE = {value} }}]", "wrangler.toml")
    assert f"{file}: vars.A[0].SINCE: a TOML date" in refusal(file)


def test_a_number_that_json_lacks_is_refused_in_toml(write: Write) -> None:
    assert "vars.A: inf is not JSON" in refusal(write("[vars]\nA = inf", "wrangler.toml"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(deadline=None, database=None)
@given(json_values)
def test_plain_json_is_read_as_what_it_is(value: Any) -> None:
    for indent in (None, 1):
        assert formats._parse_jsonc(json.dumps(value, indent=indent), Path("f")) == value


@settings(deadline=None, database=None)
@given(json_values, st.sampled_from([" /* , ] */ ", "// } ,\n", "\t"]))
def test_comments_between_any_two_tokens_change_nothing(value: Any, comment: str) -> None:
    text = json.dumps(value)
    spaced = "".join(
        piece if match.lastgroup == "string" else comment + piece + comment
        for match in formats._TOKEN.finditer(text)
        for piece in [match[0]]
    )
    assert formats._parse_jsonc(spaced, Path("f")) == value


# --- keys and types --------------------------------------------------------------------------------


def test_the_keys_of_a_project_are_typed(write: Write, tmp_path: Path) -> None:
    found = read(
        write(
            {
                "$schema": "node_modules/wrangler/config-schema.json",
                "name": "w",
                "main": "src/../src/entry.py",
                "compatibility_date": "2026-01-31",
                "compatibility_flags": ["python_workers"],
                "vars": {"A": "a", "B": {"c": [1, None, True, 1.5]}},
                "kv_namespaces": [
                    {"binding": "VISITS", "id": "abc", "preview_id": "def"},
                    {"binding": "$CACHE"},
                ],
                "edgekit": {"trusted_proxies": ["10.0.0.0/8", "::1"], "max_body_bytes": 5},
            }
        )
    )
    assert found.main == tmp_path / "src/entry.py"
    assert found.compatibility_date == "2026-01-31"
    assert found.compatibility_flags == ("python_workers",)
    assert found.vars == {"A": "a", "B": {"c": [1, None, True, 1.5]}}
    assert [(kv.binding, kv.namespace_id) for kv in found.kv_namespaces] == [
        ("VISITS", "abc"),
        ("$CACHE", "$CACHE"),
    ]
    assert found.trusted_proxies == ("10.0.0.0/8", "::1")
    assert found.max_body_bytes == 5


def test_toml_says_the_same_as_json(write: Write) -> None:
    file = write(
        """
        name = "w"
        [vars]
        A = { b = [1, 2.5] }
        [[kv_namespaces]]
        binding = "VISITS"
        id = "abc"
        [edgekit]
        max_body_bytes = 5
        """,
        "wrangler.toml",
    )
    found = read(file)
    assert found.vars == {"A": {"b": [1, 2.5]}}
    assert found.kv_namespaces[0].namespace_id == "abc"
    assert found.max_body_bytes == 5


@pytest.mark.parametrize("mode", ["development", "production"])
def test_a_namespace_is_its_id_in_every_mode(write: Write, mode: str) -> None:
    file = write({"kv_namespaces": [{"binding": "A", "id": "real", "preview_id": "preview"}]})
    assert read(file, EDGEKIT_MODE=mode).kv_namespaces[0].namespace_id == "real"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"name": 1}, "name: Expected `str"),
        ({"vars": []}, "vars: Expected `object`"),
        ({"compatibility_date": "yesterday"}, "compatibility_date: "),
        ({"compatibility_flags": "x"}, "compatibility_flags: Expected `array`"),
        ({"kv_namespaces": {}}, "kv_namespaces: Expected `array`"),
        ({"kv_namespaces": [{"binding": "A"}, {"binding": 1}]}, "kv_namespaces[1].binding: "),
        ({"kv_namespaces": [{"id": "x"}]}, "kv_namespaces[0]: Object missing required field"),
        ({"kv_namespaces": [{"binding": "A", "id": ""}]}, "kv_namespaces[0].id: "),
        ({"secrets": {"required": [1]}}, "secrets.required[0]: "),
        ({"edgekit": {"max_body_bytes": -1}}, "edgekit.max_body_bytes: "),
        ({"edgekit": {"max_body_bytes": "1"}}, "edgekit.max_body_bytes: "),
        ({"edgekit": {"trusted_proxy": []}}, "edgekit: Object contains unknown field"),
        ({"edgekit": {"trusted_proxies": ["10.0.0.1/8"]}}, "edgekit.trusted_proxies[0]: "),
        ({"edgekit": {"trusted_proxies": ["localhost"]}}, "edgekit.trusted_proxies[0]: "),
    ],
)
def test_a_wrong_type_or_value_is_refused_with_its_key(
    write: Write, content: dict[str, Any], place: str
) -> None:
    file = write(content)
    assert refusal(file).startswith(f"{file}: {place}")


@pytest.mark.parametrize("name", ["", "a-b", "1a", "a b", "a.b"])
def test_a_binding_name_that_is_no_identifier_is_refused(write: Write, name: str) -> None:
    message = refusal(write({"kv_namespaces": [{"binding": name}]}))
    assert f"kv_namespaces: {name!r} is not a name" in message


@pytest.mark.parametrize(
    ("content", "other"),
    [
        ({"kv_namespaces": [{"binding": "A"}, {"binding": "A"}]}, "kv_namespaces"),
        ({"kv_namespaces": [{"binding": "A"}], "vars": {"A": 1}}, "kv_namespaces"),
        ({"kv_namespaces": [{"binding": "A"}], "secrets": {"required": ["A"]}}, "kv_namespaces"),
        ({"vars": {"A": 1}, "secrets": {"required": ["A"]}}, "vars"),
        ({"secrets": {"required": ["A", "A"]}}, "secrets.required"),
    ],
)
def test_a_name_given_twice_is_refused(write: Write, content: dict[str, Any], other: str) -> None:
    assert f"A is already the name of one in {other}" in refusal(write(content))


def test_a_secret_with_the_name_of_a_binding_is_refused(write: Write) -> None:
    write("A=x", ".dev.vars")
    message = refusal(write({"kv_namespaces": [{"binding": "A"}]}))
    assert "A in the secrets file is already the name of one in kv_namespaces" in message


def test_all_faults_of_names_are_told_at_once(write: Write) -> None:
    content = {"kv_namespaces": [{"binding": "a-b"}, {"binding": "A"}], "vars": {"A": 1}}
    assert len(refusal(write(content)).splitlines()) == 2


def test_an_unknown_key_is_a_warning_with_a_guess(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    read(
        write(
            {
                "kv_namespace": [],
                "zzz": 1,
                "kv_namespaces": [{"binding": "A", "previw_id": "x"}],
                "secrets": {"optional": []},
            }
        )
    )
    texts = [record.getMessage().split(": ", 1)[1] for record in caplog.records]
    assert texts == [
        "unknown key 'kv_namespace'; did you mean 'kv_namespaces'?",
        "unknown key 'zzz'",
        "unknown key 'previw_id' in kv_namespaces[0]; did you mean 'preview_id'?",
        "unknown key 'optional' in secrets",
    ]


def test_keys_that_only_the_platform_reads_are_accepted_in_silence(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    keys = """
        account_id routes route workers_dev build observability limits placement minify dev migrations
        exports rules no_bundle logpush keep_vars alias define cache previews
    """
    content = {key: {"any": "thing"} for key in keys.split()}
    assert read(write(content)).name is None
    assert not caplog.records


def test_a_remote_binding_is_a_warning(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    read(write({"kv_namespaces": [{"binding": "A", "remote": True}]}))
    assert "kv_namespaces[0].remote is ignored" in caplog.text


# --- binding kinds that edgekit does not have ------------------------------------------------------


@pytest.mark.parametrize("kind", NOT_YET)
def test_a_binding_kind_that_edgekit_lacks_is_refused_by_name(write: Write, kind: str) -> None:
    file = write({kind: [{"binding": "ONE"}, {"binding": "TWO"}]})
    assert refusal(file) == (
        f"{file}: {kind} (ONE, TWO): edgekit does not have {NOT_YET[kind]} yet"
    )


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"durable_objects": {"bindings": [{"name": "ROOM", "class_name": "R"}]}}, "(ROOM)"),
        ({"images": {"binding": "IMAGES"}}, "images (IMAGES)"),
        ({"pipelines": [{"binding": "PIPE", "stream": "s"}]}, "pipelines (PIPE)"),
        ({"streaming_tail_consumers": [{"service": "log"}]}, "streaming_tail_consumers (log)"),
        ({"workflows": [{"binding": "FLOW", "name": "f", "class_name": "F"}]}, "workflows (FLOW)"),
        ({"wasm_modules": {"W": "w.wasm"}}, "wasm_modules: "),
    ],
)
def test_the_refusal_names_the_bindings(write: Write, content: dict[str, Any], shown: str) -> None:
    assert shown in refusal(write(content))


def test_all_missing_kinds_are_told_at_once(write: Write) -> None:
    message = refusal(write({"browser": {"binding": "B"}, "images": {"binding": "I"}}))
    assert len(message.splitlines()) == 2


def test_a_kind_that_is_present_but_empty_is_accepted(write: Write) -> None:
    read(
        write(
            {
                "d1_databases": [],
                "triggers": {"crons": []},
                "queues": {"producers": [], "consumers": []},
                "ai": {},
                "assets": {},
                "browser": {},
            }
        )
    )


# --- named environments ----------------------------------------------------------------------------


def test_inheritable_keys_are_inherited_and_others_are_not(write: Write) -> None:
    file = write(
        {
            "name": "w",
            "main": "a.py",
            "compatibility_flags": ["x"],
            "edgekit": {"max_body_bytes": 7},
            "vars": {"A": 1},
            "kv_namespaces": [{"binding": "KV"}],
            "secrets": {"required": ["S"]},
            "d1_databases": [{"binding": "DB"}],
            "env": {"staging": {"compatibility_date": "2026-01-01", "main": None}},
        }
    )
    found = read(file, "staging")
    assert found.environment == "staging"
    assert found.name == "w-staging"
    assert found.main is not None
    assert found.main.name == "a.py"
    assert found.compatibility_flags == ("x",)
    assert found.compatibility_date == "2026-01-01"
    assert found.max_body_bytes == 7
    assert (found.vars, found.kv_namespaces, found.required_secrets) == ({}, (), ())


def test_an_environment_overrides_what_it_sets(write: Write) -> None:
    file = write(
        {
            "name": "w",
            "vars": {"A": 1},
            "triggers": {"crons": ["* * * * *"]},
            "env": {"p": {"name": "other", "vars": {"B": 2}, "triggers": {"crons": []}}},
        }
    )
    found = read(file, "p")
    assert (found.name, found.vars) == ("other", {"B": 2})


def test_inherited_kinds_that_edgekit_lacks_are_refused_in_the_environment_too(
    write: Write,
) -> None:
    file = write({"logfwdr": {"bindings": [{"name": "L"}]}, "env": {"p": {}}})
    assert f"{file}: logfwdr" in refusal(file, "p")


def test_the_environment_comes_from_the_argument_then_from_cloudflare_env(write: Write) -> None:
    file = write({"name": "w", "env": {"a": {}, "b": {}}})
    assert read(file, CLOUDFLARE_ENV="b").name == "w-b"
    assert read(file, "a", CLOUDFLARE_ENV="b").name == "w-a"
    assert read(file, "", CLOUDFLARE_ENV="b").name == "w"
    assert read(file, CLOUDFLARE_ENV="").environment is None


def test_an_unknown_environment_is_refused_with_those_there_are(write: Write) -> None:
    message = refusal(write({"env": {"staging": {}, "live": {}}}), "prod")
    assert message.endswith("no environment named 'prod'; there are: staging, live")


def test_without_any_environment_the_top_level_is_used_with_a_warning(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    found = read(write({"name": "w", "vars": {"A": 1}}), "prod")
    assert (found.name, found.vars, found.environment) == ("w-prod", {"A": 1}, "prod")
    assert "no environment 'prod'" in caplog.text


def test_without_a_file_an_environment_only_picks_the_secrets_files(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(config, "FILE_NAMES", ("no-such-name.json",))
    write("A=prod", ".dev.vars.prod")
    found = load(start=tmp_path, env="prod", environ={})
    assert (found.environment, found.variables()) == ("prod", {"A": "prod"})
    assert not caplog.records


def test_what_an_environment_does_not_inherit_is_warned_of(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(
        {
            "vars": {"A": 1, "B": 2},
            "kv_namespaces": [{"binding": "ONE"}, {"binding": "TWO"}],
            "secrets": {"required": ["S"]},
            "r2_buckets": [{"binding": "BUCKET"}],
            "observability": {"enabled": True},
            "env": {"p": {"vars": {"B": 3}, "kv_namespaces": [{"binding": "ONE"}]}},
        }
    )
    read(file, "p")
    end = ": at the top level but not in env.p, which does not inherit it"
    assert [record.getMessage() for record in caplog.records] == [
        f"{file}: kv_namespaces (TWO){end}",
        f"{file}: r2_buckets (BUCKET){end}",
        f"{file}: secrets (S){end}",
        f"{file}: vars (A){end}",
    ]


def test_what_declares_nothing_is_not_warned_of(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    read(write({"vars": {}, "kv_namespaces": [], "ai": {}, "env": {"p": {}}}), "p")
    assert not caplog.records


@pytest.mark.parametrize("value", [5, "text", ["A"], None])
def test_vars_that_are_no_object_are_refused_in_the_environment_too(
    write: Write, value: object
) -> None:
    file = write({"vars": {"A": 1}, "env": {"p": {"vars": value or 1}}})
    assert refusal(file, "p").startswith(f"{file}: env.p.vars: Expected `object`")
    read(write({"vars": value, "env": {"p": {}}}), "p")


def test_errors_and_warnings_name_the_environment_a_key_stands_in(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    content = {"name": 1, "env": {"p": {"kv_namespaces": [{"binding": 1}], "nane": "x", "dev": {}}}}
    file = write(content)
    assert refusal(file, "p").startswith(f"{file}: name: ")
    assert "unknown key 'nane' in env.p; did you mean 'name'?" in caplog.text
    assert "unknown key 'dev' in env.p" in caplog.text
    file = write({**content, "name": "w"})
    assert refusal(file, "p").startswith(f"{file}: env.p.kv_namespaces[0].binding: ")
    file = write({"env": {"p": {"images": {"binding": "I"}}}})
    assert refusal(file, "p").startswith(f"{file}: env.p.images (I): ")


@pytest.mark.parametrize(("content", "key"), [({"env": []}, "env"), ({"env": {"p": 1}}, "env.p")])
def test_an_environment_that_is_no_object_is_refused(
    write: Write, content: dict[str, Any], key: str
) -> None:
    file = write(content)
    assert refusal(file, "p").startswith(f"{file}: {key}: expected an object")


# --- secrets ---------------------------------------------------------------------------------------


def test_secrets_files_override_vars_and_are_text(write: Write) -> None:
    file = write({"vars": {"A": 1, "B": 2}})
    write("A=3\nexport C='d'  # why\n\n# D=1\nE=\"two\\nlines\"\nF=\n", ".dev.vars")
    assert read(file).variables() == {"A": "3", "B": 2, "C": "d", "E": "two\nlines", "F": ""}


def test_dev_vars_comes_instead_of_env_files(write: Write) -> None:
    file = write({})
    write("A=env\nB=env", ".env")
    assert read(file).variables() == {"A": "env", "B": "env"}
    write("A=dev", ".dev.vars")
    assert read(file).variables() == {"A": "dev"}


def test_dev_vars_of_the_environment_come_instead_of_the_general_ones(write: Write) -> None:
    file = write({"env": {"p": {}, "q": {}}})
    write("A=general\nB=b", ".dev.vars")
    write("A=p", ".dev.vars.p")
    assert read(file, "p").variables() == {"A": "p"}
    assert read(file, "q").variables() == {"A": "general", "B": "b"}


def test_env_files_are_merged_the_more_specific_winning(write: Write) -> None:
    file = write({"env": {"p": {}}})
    names = (".env", ".env.local", ".env.p", ".env.p.local")
    for index, name in enumerate(names):
        write("".join(f"V{i}={name}\n" for i in range(index, len(names))), name)
    assert read(file, "p").variables() == {f"V{i}": name for i, name in enumerate(names)}
    assert read(file).variables() == {"V0": ".env"} | dict.fromkeys(
        ("V1", "V2", "V3"), ".env.local"
    )


def test_env_files_can_be_switched_off_as_in_wrangler(write: Write) -> None:
    file = write({})
    write("A=1", ".env")
    assert read(file, CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV="false").variables() == {}


def test_only_files_beside_the_configuration_are_read(write: Write, tmp_path: Path) -> None:
    write({}, "a/wrangler.jsonc")
    write("A=1", ".dev.vars")
    (tmp_path / "a/b").mkdir()
    write("A=1", "a/b/.dev.vars")
    assert load(start=tmp_path / "a/b", environ={}).variables() == {}


def test_without_a_configuration_file_they_are_read_in_the_start_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "FILE_NAMES", ("no-such-name.json",))
    write("A=1", ".dev.vars")
    assert load(start=tmp_path, environ={}).variables() == {"A": "1"}


def test_a_folder_named_env_is_no_secrets_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert read(write({})).variables() == {}


def test_env_files_are_expanded_as_in_wrangler_and_dev_vars_are_not(write: Write) -> None:
    file = write({})
    text = "A=a\nB=$A-${A}-${NO:-else}-${NO}-\\$A\nC='${D}'\nD=$B\nE=cash$\n"
    write(text, ".env")
    assert read(file, NO="ambient").variables() == {
        "A": "a",
        "B": "a-a-else--$A",
        "C": "",
        "D": "a-a-else--$A",
        "E": "cash$",
    }
    write(text, ".dev.vars")
    assert read(file).variables()["B"] == "$A-${A}-${NO:-else}-${NO}-\\$A"


def test_a_faulty_line_is_a_warning_that_does_not_show_it(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    file = write({})
    secrets = write("A=1\n\n\nhunter2\nB='unclosed\n", ".dev.vars")
    assert read(file).variables() == {"A": "1"}
    assert [record.getMessage() for record in caplog.records] == [
        f"{secrets}:4: not NAME=VALUE; the line is ignored",
        f"{secrets}:5: not NAME=VALUE; the line is ignored",
    ]
    assert "hunter2" not in caplog.text


def test_the_process_environment_wins_for_known_names_only(write: Write) -> None:
    file = write({"vars": {"A": 1}, "kv_namespaces": [{"binding": "KV"}]})
    write("B=file", ".dev.vars")
    found = read(file, A="env", B="env", C="env", D="env", KV="env", PATH="/bin")
    assert found.variables(["C", "KV"]) == {"A": "env", "B": "env", "C": "env"}


def test_where_secrets_are_listed_only_those_are_read_from_files(write: Write) -> None:
    file = write({"vars": {"V": 1}, "secrets": {"required": ["A", "B"]}})
    write("A=a\nB=$FROM_OUTSIDE\nV=2\nOTHER=x", ".env")
    found = read(file, FROM_OUTSIDE="out", OTHER="y")
    assert found.variables() == {"V": 1, "A": "a", "B": "out"}


def test_a_missing_required_secret_is_an_error_in_production(write: Write) -> None:
    file = write({"secrets": {"required": ["A", "B", "C"]}})
    write("B=1", ".dev.vars")
    with pytest.raises(ConfigError, match=r"secrets\.required: missing A, C; add them to"):
        read(file).variables()
    assert read(file, A="", C="c").variables() == {"A": "", "B": "1", "C": "c"}


def test_a_missing_required_secret_is_a_warning_in_development(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    file = write({"secrets": {"required": ["A"]}})
    assert read(file, EDGEKIT_MODE="development").variables() == {}
    assert "missing A" in caplog.text


def test_a_config_never_shows_values(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    file = write({"vars": {"PUBLIC": "hunter1"}})
    write("TOKEN=hunter2", ".dev.vars")
    found = read(file, ENVIRON="hunter3", EDGEKIT_STORE="postgresql://me:hunter4@host/db")
    found.variables(["ENVIRON"])
    shown = repr(found) + str(found) + f"{found.__rich_repr__()}" + caplog.text
    assert "hunter" not in shown
    assert "PUBLIC" in shown
    assert "TOKEN" in shown


# --- EDGEKIT_* -------------------------------------------------------------------------------------


def test_only_edgekit_mode_development_is_development(write: Write) -> None:
    file = write({})
    assert read(file, EDGEKIT_MODE="development").development
    for mode in ("", "production", "Development", "dev"):
        assert not read(file, EDGEKIT_MODE=mode).development


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", ".edgekit/state"),
        ("sqlite:data", "data"),
        ("sqlite:./a/../data", "data"),
        ("sqlite:../data", "../data"),
    ],
)
def test_a_relative_store_starts_at_the_configuration_file(
    write: Write, given: str, path: str
) -> None:
    file = write({}, "project/wrangler.jsonc")
    expected = (file.parent / path).resolve()
    assert read(file, EDGEKIT_STORE=given).store == f"sqlite:{expected}"


@pytest.mark.parametrize("given", ["sqlite:/abs/x", "sqlite:///abs/x"])
def test_an_absolute_store_stays_where_it_is(write: Write, given: str) -> None:
    assert read(write({}), EDGEKIT_STORE=given).store == "sqlite:/abs/x"


def test_without_a_configuration_file_a_relative_store_starts_at_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "FILE_NAMES", ("no-such-name.json",))
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path)
    found = load(start=tmp_path / "app", environ={})
    assert found.store == f"sqlite:{Path.cwd() / '.edgekit/state'}"


def test_other_schemes_are_left_to_the_engines(write: Write) -> None:
    found = read(write({}), EDGEKIT_STORE="postgresql://h/db", EDGEKIT_BLOBS="s3://bucket/x")
    assert (found.store, found.blobs) == ("postgresql://h/db", "s3://bucket/x")
    assert read(write({}), EDGEKIT_STORE="memory:").store == "memory:"


def test_relative_blobs_start_at_the_configuration_file(write: Write, tmp_path: Path) -> None:
    assert read(write({}), EDGEKIT_BLOBS="file:blobs").blobs == f"file:{tmp_path / 'blobs'}"
    assert read(write({}), EDGEKIT_BLOBS="").blobs is None


@pytest.mark.parametrize("given", ["sqlite:", "sqlite://host/x"])
def test_a_store_that_names_no_path_is_refused(write: Write, given: str) -> None:
    assert "EDGEKIT_STORE: " in refusal(write({}), EDGEKIT_STORE=given)
