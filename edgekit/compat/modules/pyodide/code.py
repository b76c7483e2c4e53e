"""`pyodide.code`, see `edgekit/compat/javascript/code.py`."""

from __future__ import annotations

from edgekit.compat.javascript.code import CodeRunner as CodeRunner
from edgekit.compat.javascript.code import eval_code as eval_code
from edgekit.compat.javascript.code import eval_code_async as eval_code_async
from edgekit.compat.javascript.code import find_imports as find_imports
from edgekit.compat.javascript.code import relaxed_call as relaxed_call
from edgekit.compat.javascript.code import relaxed_wrap as relaxed_wrap
from edgekit.compat.javascript.code import run_js as run_js
from edgekit.compat.javascript.code import should_quiet as should_quiet
