"""What an Env class declares, what `build` makes of it, and how values become the declared types."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import inspect
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Optional

import msgspec
import pytest

from edgekit import host
from edgekit.env import MISSING, Declaration, Env, build, declarations
from edgekit.errors import ConfigError, UnsupportedError
from edgekit.host import cpython

if TYPE_CHECKING:
    from decimal import Decimal


class KVNamespace:
    binding_kind: ClassVar[str] = "kv_namespaces"


class D1Database:
    binding_kind: ClassVar[str] = "d1_databases"


class Limits(msgspec.Struct):
    per_minute: int
    burst: int = 5


@dataclasses.dataclass
class Point:
    x: int


class AppEnv(Env):
    VISITS: KVNamespace
    GREETING: str = "Hello"


def refusal(cls: type[Env], values: dict[str, Any] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        build(cls, values or {})
    return str(caught.value)


# --- declarations ----------------------------------------------------------------------------------


def test_annotations_are_the_declaration() -> None:
    assert declarations(AppEnv) == [
        Declaration("VISITS", KVNamespace, "kv_namespaces", MISSING),
        Declaration("GREETING", str, None, "Hello"),
    ]
    assert [declared.is_binding for declared in declarations(AppEnv)] == [True, False]


def test_a_plain_env_declares_nothing() -> None:
    assert declarations(Env) == []


def test_base_classes_come_first_and_a_subclass_may_declare_again() -> None:
    class Base(Env):
        A: str
        B: int = 1

    class Mixin:
        C: bool = True

    class Derived(Mixin, Base):
        A: int  # type: ignore[assignment]
        B = 2

    assert declarations(Derived) == [
        Declaration("A", int, None, MISSING),
        Declaration("B", int, None, 2),
        Declaration("C", bool, None, True),
    ]


def test_class_variables_and_underscored_names_declare_nothing() -> None:
    class WithOthers(Env):
        SHARED: ClassVar[int] = 1
        BARE: ClassVar = 2
        _private: str
        __mangled: str
        other = 3
        A: str

    assert [declared.name for declared in declarations(WithOthers)] == ["A"]


def test_a_name_that_every_class_object_has_gets_no_default_from_it() -> None:
    class Mro(Env):
        mro: str

    assert declarations(Mro) == [Declaration("mro", str, None, MISSING)]


def test_a_name_of_the_class_does_not_hide_a_type_of_the_module() -> None:
    class Hiding(Env):
        Limits: Limits = Limits(1)

    assert declarations(Hiding)[0].type is Limits


def test_a_binding_with_a_default_is_refused() -> None:
    class Defaulted(Env):
        A: KVNamespace = None  # type: ignore[assignment]
        B: Annotated[KVNamespace, "doc"] = KVNamespace()

    with pytest.raises(ConfigError) as caught:
        declarations(Defaulted)
    assert str(caught.value).splitlines() == [
        "Defaulted.A: a binding can have no default",
        "Defaulted.B: a binding can have no default",
    ]


def test_a_binding_inside_another_type_is_refused() -> None:
    class Inside(Env):
        A: KVNamespace | None
        B: Optional[KVNamespace]  # noqa: UP045
        C: list[KVNamespace]

    with pytest.raises(ConfigError) as caught:
        declarations(Inside)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["Inside.A", "Inside.B", "Inside.C"]
    assert all("a binding stands alone" in line for line in lines)


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    class Unresolved(Env):
        A: Decimal
        B: list[Decimal]
        C: str

    with pytest.raises(ConfigError) as caught:
        declarations(Unresolved)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Unresolved.A: name 'Decimal' is not defined; ")
    assert lines[1].startswith("Unresolved.B: name 'Decimal' is not defined; ")


def test_where_python_resolves_all_annotations_at_once_the_class_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def get_annotations(_: type) -> dict[str, Any]:  # as Python 3.14 does it
        raise NameError("name 'Decimal' is not defined")

    monkeypatch.setattr(inspect, "get_annotations", get_annotations)
    with pytest.raises(ConfigError, match="AppEnv: name 'Decimal' is not defined; "):
        declarations(AppEnv)


def test_annotations_that_are_no_text_work_too() -> None:
    plain = type("Plain", (Env,), {"__annotations__": {"A": KVNamespace, "B": "int"}})
    assert [(d.name, d.type) for d in declarations(plain)] == [("A", KVNamespace), ("B", int)]


# --- build -----------------------------------------------------------------------------------------


def test_build_gives_bindings_variables_and_defaults() -> None:
    kv = KVNamespace()
    env = build(AppEnv, {"VISITS": kv})
    assert type(env) is AppEnv
    assert env.VISITS is kv
    assert env.GREETING == "Hello"
    assert build(AppEnv, {"VISITS": kv, "GREETING": "Ciao"}).GREETING == "Ciao"


def test_what_is_not_declared_is_reachable_too() -> None:
    kv = KVNamespace()
    env: Any = build(Env, {"KV": kv, "N": 1, "my-var": "x"})
    assert env.KV is kv
    assert env["N"] == 1
    assert env["my-var"] == "x"


def test_names_can_be_asked_for_and_iterated() -> None:
    env = build(AppEnv, {"OTHER": 1, "VISITS": KVNamespace()})
    assert "VISITS" in env
    assert "GREETING" in env
    assert "MISSING" not in env
    assert sorted(env) == ["GREETING", "OTHER", "VISITS"]
    assert env["GREETING"] == "Hello"
    assert bool(build(Env, {}))


def test_a_name_that_is_missing_later_is_told_with_those_there_are() -> None:
    env: Any = build(AppEnv, {"VISITS": KVNamespace(), "TOKEN": "hunter2"})
    told = "AppEnv has no 'CACHE'; it has: VISITS, TOKEN, GREETING"
    with pytest.raises(AttributeError) as attribute:
        env.CACHE  # noqa: B018
    assert str(attribute.value) == told
    with pytest.raises(KeyError) as key:
        env["CACHE"]
    assert key.value.args == (told,)
    assert getattr(env, "CACHE", None) is None


def test_repr_shows_names_and_never_values() -> None:
    env = build(AppEnv, {"VISITS": KVNamespace(), "TOKEN": "hunter2"})
    assert repr(env) == "<AppEnv: VISITS, TOKEN, GREETING>"
    assert repr(build(Env, {})) == "<Env: empty>"


def test_an_env_can_be_changed_and_copied() -> None:
    env = build(AppEnv, {"VISITS": KVNamespace()})
    other = copy.copy(env)
    env.GREETING = "Ciao"
    assert (env["GREETING"], other.GREETING) == ("Ciao", "Hello")


def test_a_default_is_not_shared_between_envs() -> None:
    class Tagged(Env):
        TAGS: list[str] = []

    build(Tagged, {}).TAGS.append("x")
    assert build(Tagged, {}).TAGS == []


def test_an_env_class_may_have_methods_and_properties() -> None:
    class WithMethods(Env):
        GREETING: str

        @property
        def loud(self) -> str:
            return self.GREETING.upper()

    assert build(WithMethods, {"GREETING": "hi"}).loud == "HI"


def test_all_problems_are_told_at_once_with_class_attribute_and_place() -> None:
    class Many(Env):
        KV: KVNamespace
        DB: D1Database
        CACHE: KVNamespace
        NAME: str
        PORT: int
        TAG: str

    kv = KVNamespace()
    text = refusal(Many, {"KV": "hunter2", "DB": kv, "PORT": "hunter2", "TAG": kv})
    under = "in the configuration file"
    var = f'"vars" {under}, or as a secret into .dev.vars, .env or the environment'
    assert text.splitlines() == [
        "Many.KV: expected the binding KVNamespace, found a variable of that name; "
        f'put KV under "kv_namespaces" {under}',
        "Many.DB: expected the binding D1Database, found the binding KVNamespace; "
        f'put DB under "d1_databases" {under}',
        "Many.CACHE: expected the binding KVNamespace, found nothing; "
        f'put CACHE under "kv_namespaces" {under}',
        f"Many.NAME: expected str, found nothing; put NAME under {var}",
        f"Many.PORT: expected int, found str; put PORT under {var}",
        f"Many.TAG: expected str, found the binding KVNamespace; put TAG under {var}",
    ]


@pytest.mark.parametrize("value", [None, "x", 1, 1.5, True, [], {}])
def test_a_variable_is_no_binding(value: Any) -> None:
    assert "found a variable of that name" in refusal(AppEnv, {"VISITS": value})


def test_any_object_that_says_nothing_of_its_kind_passes_as_a_binding() -> None:
    proxy: Any = object()  # what a JavaScript binding looks like from here, or a test's fake
    assert build(AppEnv, {"VISITS": proxy}).VISITS is proxy


def test_a_fault_inside_a_value_says_where_and_never_what() -> None:
    class Nested(Env):
        LIMITS: Limits
        LEVEL: Literal["low", "high"]
        POINT: Point

    text = refusal(
        Nested,
        {"LIMITS": {"per_minute": "hunter2"}, "LEVEL": "hunter2", "POINT": '{"y": "hunter2"}'},
    )
    limits, level, point = text.splitlines()
    assert "found dict (Expected `int`, got `str` at $.per_minute)" in limits
    assert "expected Literal['low', 'high'], found str (Not one of the values it may have)" in level
    assert "found str (Object missing required field `x`)" in point
    assert "hunter2" not in text


def test_a_type_that_no_variable_can_have_is_refused() -> None:
    class Strange(Env):
        A: Limits | dict[str, int]
        B: complex

    lines = refusal(Strange, {"A": {}, "B": "x"}).splitlines()
    assert lines[0].startswith("Strange.A: ")
    assert lines[0].endswith(" is no binding, nor a type that a variable can have")
    assert lines[1].startswith("Strange.B: expected complex, found str")


# --- convert ---------------------------------------------------------------------------------------


def workers_without_msgspec() -> ModuleType:
    """edgekit.host.workers as it is where msgspec is missing."""
    file = Path(cpython.__file__).with_name("workers.py")
    spec = importlib.util.spec_from_file_location("workers_without_msgspec", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "edgekit.host.cpython", None)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[lambda: cpython, workers_without_msgspec])
def a_host(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.mark.parametrize(
    ("value", "type_", "result"),
    [
        ("x", str, "x"),
        ("1", str, "1"),
        ("true", str, "true"),
        ("8080", int, 8080),
        (" -1 ", int, -1),
        (3, int, 3),
        ("1.5", float, 1.5),
        ("2", float, 2.0),
        (2, float, 2.0),
        ("true", bool, True),
        ("False", bool, False),
        ("1", bool, True),
        ("0", bool, False),
        (True, bool, True),
        ('["a"]', list[str], ["a"]),
        (["a"], list[str], ["a"]),
        ('{"a": 1}', dict[str, int], {"a": 1}),
        ({"a": [None]}, dict[str, Any], {"a": [None]}),
        ("x", Literal["x", "y"], "x"),
        ("2", Literal[1, 2], 2),
        (None, str | None, None),
        ("x", str | None, "x"),
        ("7", Optional[int], 7),  # noqa: UP045
        ("null", int | None, None),
        ("null", str | None, "null"),
        ("5", Annotated[int, "doc"], 5),
        ("x", Any, "x"),
        ({"a": 1}, object, {"a": 1}),
    ],
)  # fmt: skip
def test_a_value_becomes_its_declared_type(
    a_host: ModuleType, value: Any, type_: Any, result: Any
) -> None:
    converted = a_host.convert(value, type_)
    assert converted == result
    assert type(converted) is type(result)


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (1, str),
        (None, str),
        ("x", int),
        ("", int),
        ("1.5", int),
        (True, int),
        (1.5, int),
        (1, bool),
        ("yes", bool),
        (True, float),
        ("a,b", list[str]),
        ("{}", list[str]),
        ("[", list[str]),
        ("z", Literal["x", "y"]),
        (True, Literal[1]),
        ("x", int | None),
        ("", int | None),
        (None, dict[str, int]),
    ],
)
def test_a_value_that_is_not_of_its_declared_type_is_refused(
    a_host: ModuleType, value: Any, type_: Any
) -> None:
    with pytest.raises(a_host.JSONShapeError):
        a_host.convert(value, type_)


def test_structs_and_dataclasses_come_from_objects_and_from_text() -> None:
    for value in ({"per_minute": 3}, '{"per_minute": 3}', Limits(3)):
        assert host.convert(value, Limits) == Limits(3, 5)
    assert host.convert('{"x": 1}', Point) == Point(1)


def test_without_msgspec_a_type_that_needs_it_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="needs msgspec"):
        workers_without_msgspec().convert({"per_minute": 3}, Limits)


def test_build_tells_of_a_type_that_needs_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(value: Any, type_: Any) -> Any:
        raise UnsupportedError("needs msgspec")

    class WithLimits(Env):
        LIMITS: Limits

    monkeypatch.setattr(host, "convert", without)
    assert refusal(WithLimits, {"LIMITS": {}}) == "WithLimits.LIMITS: needs msgspec"


# --- what type checkers see ------------------------------------------------------------------------


def test_declared_names_are_typed_and_others_are_errors(tmp_path: Path) -> None:
    from mypy import api

    file = tmp_path / "typed_env.py"
    file.write_text(
        textwrap.dedent(
            """\
            from typing import ClassVar, assert_type
            from edgekit.env import Env, build

            class KVNamespace:
                binding_kind: ClassVar[str] = "kv_namespaces"

            class AppEnv(Env):
                VISITS: KVNamespace
                GREETING: str = "Hello"

            env = build(AppEnv, {})
            assert_type(env, AppEnv)
            assert_type(env.VISITS, KVNamespace)
            assert_type(env.GREETING, str)
            env.GREETING = "Ciao"
            assert_type([name for name in env], list[str])
            env.MISSING
            env.GREETING = 1
            """
        )
    )
    package = Path(cpython.__file__).parents[2]
    out, err, _ = api.run(
        ["--strict", "--config-file=", "--follow-imports=silent", "--explicit-package-bases",
         f"--cache-dir={tmp_path}", "--no-error-summary", str(file), str(package / "edgekit/env.py")]
    )  # fmt: skip
    assert [line.split("typed_env.py:")[1] for line in (out + err).splitlines()] == [
        '17: error: "AppEnv" has no attribute "MISSING"  [attr-defined]',
        '18: error: Incompatible types in assignment (expression has type "int", '
        'variable has type "str")  [assignment]',
    ]
