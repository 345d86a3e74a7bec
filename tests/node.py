"""The explorer's mathematics, run without a browser."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import playwright

NODE = Path(playwright.__file__).parent / "driver" / "node"
"""The JavaScript that Playwright brings along, of the same make as Chromium's."""

SOURCE = (Path(__file__).parents[1] / "book/_static/grpo.js").read_text("utf-8")

DRIVER = r"""
globalThis.window = globalThis;
const { runInThisContext } = require("vm");
const [source, call, given] = JSON.parse(require("fs").readFileSync(0));
runInThisContext(source);
const asText = (key, x) => (typeof x === "number" && !Number.isFinite(x) ? `#${x}` : x);
const answer = JSON.stringify(runInThisContext(call)(given), asText);
process.stdout.write(answer.replace(/"#(NaN|-?Infinity)"/g, "$1")); // as Python writes them
"""

Call = Callable[..., Any]


def call(function: str, given: object, source: str = SOURCE) -> Any:
    """Call a JavaScript function of one argument."""
    run = subprocess.run(
        [NODE, "-e", DRIVER],
        input=json.dumps([source, function, given]),
        capture_output=True,
        encoding="utf-8",
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
