"""`pyodide.code`: Python code run from text. Running JavaScript is refused: there is no engine."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from edgekit.errors import UnsupportedError


def should_quiet(source: str, /) -> bool:
    """Whether the code ends in a semicolon, so that its value is not wanted."""
    import io
    import tokenize

    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return False
    left_out = (
        tokenize.ENDMARKER,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.COMMENT,
        tokenize.INDENT,
        tokenize.DEDENT,
    )
    for token in reversed(tokens):
        if token.type not in left_out:
            return token.string == ";"
    return False


def find_imports(source: str) -> list[str]:
    """The names of the modules that the code imports, sorted; none of code that is no Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                found.update(".".join(parts[: i + 1]) for i in range(len(parts)))
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            parts = node.module.split(".")
            found.update(".".join(parts[: i + 1]) for i in range(len(parts)))
    return sorted(found)


class CodeRunner:
    """Code that is compiled once: `CodeRunner(source).compile().run(globals, locals)`."""

    def __init__(
        self,
        source: Any,
        *,
        return_mode: str = "last_expr",
        mode: str = "exec",
        quiet_trailing_semicolon: bool = True,
        filename: str = "<exec>",
        flags: int = 0,
        dont_inherit: bool = False,
        optimize: int = -1,
    ) -> None:
        self._filename = filename
        self._flags = flags
        self._optimize = optimize
        if isinstance(source, str):
            text = inspect.cleandoc(source) if source[:1] in (" ", "\n", "\t") else source
            quiet = quiet_trailing_semicolon and should_quiet(text)
            self.ast: Any = ast.parse(text, filename, mode)
        else:
            quiet = False
            self.ast = source
        self._mode = "none" if quiet else return_mode
        self.code: Any = None

    def compile(self) -> CodeRunner:
        """Compile it; itself."""
        body = self.ast.body
        last = body[-1] if body else None
        self._last: Any = None
        wanted = isinstance(last, ast.Expr) and self._mode == "last_expr"
        if self._mode == "last_expr_or_assign" and isinstance(last, ast.Assign | ast.Expr):
            wanted = True
            if isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
                name = ast.copy_location(ast.Name(last.targets[0].id, ast.Load()), last)
                body.append(ast.copy_location(ast.Expr(name), last))
        flags = self._flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        if wanted:
            expression = ast.Expression(body.pop().value)
            self._last = compile(expression, self._filename, "eval", flags, False, self._optimize)
        self.code = compile(self.ast, self._filename, "exec", flags, False, self._optimize)
        return self

    def run(self, globals: dict[str, Any] | None = None, locals: Any = None) -> Any:
        """Run it; the value of its last expression."""
        space = {"__builtins__": __builtins__} if globals is None else globals
        result = eval(self.code, space, locals)  # noqa: S307 - what it is for
        if inspect.iscoroutine(result):
            result.close()
            raise SyntaxError("'await' outside function")
        value = None if self._last is None else eval(self._last, space, locals)  # noqa: S307
        if self._last is not None and self._last.co_flags & inspect.CO_COROUTINE:
            value.close()  # type: ignore[union-attr]
            raise SyntaxError("'await' outside function")
        return value

    async def run_async(self, globals: dict[str, Any] | None = None, locals: Any = None) -> Any:
        """Run it, with `await` at its top level."""
        space = {"__builtins__": __builtins__} if globals is None else globals
        for code in (self.code, self._last):
            result = None if code is None else eval(code, space, locals)  # noqa: S307
            if inspect.iscoroutine(result):
                result = await result
        return result if self._last is not None else None


def eval_code(
    source: Any, globals: dict[str, Any] | None = None, locals: Any = None, **options: Any
) -> Any:
    """Run code; the value of its last expression."""
    return CodeRunner(source, **options).compile().run(globals, locals)


async def eval_code_async(
    source: Any, globals: dict[str, Any] | None = None, locals: Any = None, **options: Any
) -> Any:
    """Run code that may await at its top level; the value of its last expression."""
    return await CodeRunner(source, **options).compile().run_async(globals, locals)


def run_js(code: str, /) -> Any:
    """Refused: there is no JavaScript engine."""
    raise UnsupportedError(
        "pyodide.code.run_js(): there is no JavaScript engine here, and Workers forbid it too"
    )


def relaxed_wrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which from now on ignores arguments that it does not take."""
    signature = inspect.signature(function)

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return _relaxed(function, signature, args, kwargs)

    return wrapper


def relaxed_call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function without those arguments that it does not take."""
    return _relaxed(function, inspect.signature(function), args, kwargs)


def _relaxed(
    function: Callable[..., Any], signature: inspect.Signature, args: Any, kwargs: Any
) -> Any:
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        positional = (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        )
        args = args[: sum(kind in positional for kind in kinds)]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        kwargs = {name: value for name, value in kwargs.items() if name in signature.parameters}
    return function(*args, **kwargs)
