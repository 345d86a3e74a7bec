"""The calculator of the answers page: its form in plain HTML, filled by ``answers.js``."""

import html
import json

Setting = dict[str, str | float]

_TRL: Setting = {"normalization": "mean-deviation", "delta": 1e-4, "deviation": "sample"}
_VERL: Setting = {**_TRL, "delta": 1e-6}
_OPENRLHF: Setting = {**_TRL, "delta": 1e-9}
_OPEN_INSTRUCT: Setting = {**_TRL, "delta": 1e-8, "deviation": "population"}
_CENTRED: Setting = {"normalization": "mean-only", "deviation": "sample"}
_FORWARD: Setting = {"penalty": "forward"}

LIBRARIES: dict[str, Setting] = {
    'TRL, scale_rewards="group"': _TRL,
    'TRL, scale_rewards="none"': _CENTRED,
    "verl, norm_adv_by_std_in_grpo=True, low_var_kl": {**_VERL, **_FORWARD},
    "verl, norm_adv_by_std_in_grpo=False, low_var_kl": {**_CENTRED, **_FORWARD},
    "OpenRLHF, group_norm, k1 in the reward": _OPENRLHF,
    "OpenRLHF, dr_grpo, k1 in the reward": _CENTRED,
    "NeMo-RL, use_leave_one_out_baseline=False": _VERL,
    "open-instruct, centered": {**_CENTRED, **_FORWARD},
    "open-instruct, standard": {**_OPEN_INSTRUCT, **_FORWARD},
}
"""What each library computes in a group, as ``grpo.js`` calls it, by what the page calls it.

The scales are those of `grpo_lib.libraries`, and the penalties those of its chapter. Left out is
the default of NeMo-RL, whose scale ``grpo.js`` does not have.
"""

PAPER: Setting = {"normalization": "mean-variance", "eps": 1e-5}
"""The formula of the paper, without groups."""


def parts() -> dict[str, str]:
    """Write the generated part of the answers page, by the name of its marker, in MyST."""
    choices = {**LIBRARIES, "the paper, without groups": PAPER}
    options = "".join(_option(name, setting) for name, setting in choices.items())
    form = f"""<link rel="stylesheet" href="../_static/answers.css">
<form id="calculator" class="explorer" autocomplete="off">
<div class="explorer-controls">
{_number("p_ref", "success before training, <i>p</i><sub>ref</sub>", "0.03")}
{_number("beta", "weight of the KL penalty, <code>beta</code>", "1")}
{_number("size", "answers in a group, <i>G</i>", "8")}
<div class="calculator-control"><label for="calculator-library">computed as in</label>
<select id="calculator-library">{options}</select></div>
</div>
<dl id="calculator-answer" aria-live="polite">
<div><dt>Where it ends</dt><dd data-answer="end"></dd></div>
<div><dt>How fast</dt><dd data-answer="pace"></dd></div>
<div><dt>Dead groups at the start</dt><dd data-answer="dead"></dd></div>
</dl>
<p><a data-answer="link" href="explorer.html">See it move in the explorer</a></p>
</form>
<p id="calculator-missing">The calculator needs JavaScript; the quickstart does without.</p>
<script defer src="../_static/grpo.js"></script>
<script defer src="../_static/answers.js"></script>"""
    return {"calculator": f"```{{raw}} html\n{form}\n```"}


def _number(name: str, label: str, value: str) -> str:
    box = f'id="calculator-{name}" inputmode="decimal" value="{value}"'
    message = f'<span class="calculator-message" id="calculator-{name}-message"></span>'
    return f"""<div class="calculator-control"><label for="calculator-{name}">{label}</label>
<input {box} aria-describedby="calculator-{name}-message">{message}</div>"""


def _option(name: str, setting: Setting) -> str:
    return f'<option value="{html.escape(json.dumps(setting))}">{html.escape(name)}</option>'
