"""Record what libraries compute for groups of 0/1 rewards, by running their own source text.

``python record.py SOURCES RESULTS`` reads the packages below the folder SOURCES, runs their
functions, and writes to the folder RESULTS:

- ``libraries.csv``: the advantage of a success and of a failure in a group of ``size`` completions
  with k successes. An empty field says that there is no such completion in the group.
- ``libraries-kl.csv``: the derivative of the KL term with respect to the log-probability of a
  completion, on-policy, where that is ``x`` above the reference's. For a KL in the reward it is the
  term itself, as that multiplies the same gradient.
- ``libraries-settings.csv``: the line in which a library declares a setting and its default.
- ``libraries.json``: the versions, and the hash of every file that was read or written.

README.md says how to lay out SOURCES. A function is taken out of its file by its name and executed
unchanged, but for the decorators of verl; its packages need not be installed. Where a library
computes in the middle of a method, the statements are taken out of it, from one that is named to
another, and executed in a namespace that holds their inputs.
"""

import __future__

import ast
import csv
import hashlib
import itertools
import json
import logging
import platform
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch

SIZES = [2, 4, 8, 16]
LOG_RATIOS = [-3.0, -2.5, -2.0, -1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 2.0, 3.0]
"""The x of ``libraries-kl.csv``."""

VERSIONS = {
    "trl": "1.16.0",
    "verl": "0.9.1",
    "openrlhf": "0.11.2",
    "nemo_rl": "7ea279abfbeb698b092856d0dab61e7cf39bc909",
    "open_instruct": "e6c3044aa6201c8bfa4573c1b03142af599e730d",
}
"""Version on PyPI, or commit where the package is not published there."""

SETTINGS = {
    "trl/trainer/grpo_config.py": {
        "size": "num_generations: int | None = field(\n        default=8",
        "deviation": 'scale_rewards: str = field(\n        default="group"',
        "KL weight": "beta: float = field(\n        default=0.0",
        "KL form": "use_bias_correction_kl: bool = field(\n        default=True",
        "clip low": "epsilon: float = field(\n        default=0.2",
        "clip high": "epsilon_high: float | None = field(\n        default=None",
        "second clip": "delta: float | None = field(\n        default=None",
        "reference": "ref_model_mixup_alpha: float = field(\n        default=0.6",
        "reference kept": "sync_ref_model: bool = field(\n        default=False",
    },
    "verl/trainer/config/rollout/rollout.yaml": {
        "size": "# number of responses (i.e. num sample times). > 1 for grpo\nn: 1"
    },
    "verl/trainer/config/algorithm.py": {
        "estimator": 'adv_estimator: str = "gae"',
        "deviation": "norm_adv_by_std_in_grpo: bool = True",
        "groups of equals": "filter_groups: Optional[FilterGroupsConfig] = None",
    },
    "verl/workers/config/actor.py": {
        "KL": "use_kl_loss: bool = False",
        "KL weight": "kl_loss_coef: float = 0.001",
        "KL form": 'kl_loss_type: str = "low_var_kl"',
        "clip low": "clip_ratio_low: float = 0.2",
        "clip high": "clip_ratio_high: float = 0.2",
        "second clip": "clip_ratio_c: float = 3.0",
    },
    "openrlhf/cli/train_ppo_ray.py": {
        "size": '"--rollout.n_samples_per_prompt", type=int, default=1',
        "estimator": '"--algo.advantage.estimator",\n        type=str',
        "KL weight": 'parser.add_argument("--algo.kl.init_coef", type=float, default=0.01',
        "KL form": '"--algo.kl.estimator",\n        type=str,\n        default="k1"',
        "KL": '"--algo.kl.use_loss", action="store_true", default=False',
        "clip low": 'parser.add_argument("--actor.eps_clip", type=float, default=0.2',
        "clip high": (
            'parser.add_argument("--actor.eps_clip_low_high", type=float, nargs=2, default=None'
        ),
        "largest advantage": (
            'parser.add_argument("--reward.clip_range", type=float, nargs=2, default=(-10, 10)'
        ),
        "groups of equals": '"--algo.dynamic_filtering_enable", action="store_true", default=False',
    },
    "nemo_rl/algorithms/grpo.py": {
        "size": "num_generations_per_prompt: int = 16",
        "deviation": "normalize_rewards: bool = True",
        "others": "use_leave_one_out_baseline: bool = True",
        "groups of equals": "use_dynamic_sampling: bool = False",
    },
    "nemo_rl/algorithms/loss/loss_functions.py": {
        "KL weight": "reference_policy_kl_penalty: float = 0.01",
        "KL form": 'reference_policy_kl_type: str = "k3"',
        "largest KL term": "kl_output_clamp_value: Optional[float] = 10.0",
        "clip low": "ratio_clip_min: float = 0.2",
        "clip high": "ratio_clip_max: float = 0.2",
        "second clip": "ratio_clip_c: Optional[float] = None",
    },
    "open_instruct/data_loader.py": {
        "size": "num_samples_per_prompt_rollout: int = 4",
        "deviation": 'advantage_normalization_type: str = "centered"',
        "groups of equals": "filter_zero_std_samples: bool = True",
    },
    "open_instruct/grpo_utils.py": {
        "KL weight": "beta: float = 0.05",
        "KL form": "kl_estimator: Literal[0, 1, 2, 3] = 2",
        "clip low": "clip_lower: float = 0.2",
        "clip high": "clip_higher: float = 0.272",
        "reference": "alpha: float = 0.6",
        "reference kept": "ref_policy_update_freq: int | None = None",
    },
}
"""Declarations of settings, by file and topic: the text that must stand in the file."""


class Sources:
    """The packages of a folder, and which of their files were read."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self.folder = folder
        self.hashes: dict[str, str] = {}

    def _text(self, file: str) -> str:
        content = (self.folder / file).read_bytes()
        self.hashes[file] = hashlib.sha256(content).hexdigest()
        return content.decode()

    def line(self, file: str, declaration: str) -> int:
        """The only line at whose beginning, after spaces, a declaration stands."""
        pieces = re.split(rf"\n *{re.escape(declaration)}", f"\n{self._text(file)}")
        if len(pieces) != 2:
            raise LookupError(f"{file} has {len(pieces) - 1} times {declaration!r}")
        return pieces[0].count("\n") + 1

    def load(self, file: str, *names: str, **namespace: Any) -> dict[str, Any]:
        """The functions and classes with these names, executed without their decorators."""
        text = self._text(file)
        found = {node.name: node for node in ast.parse(text).body if hasattr(node, "name")}
        for name in names:
            found[name].decorator_list = []
            execute([found[name]], file, namespace)
        return namespace

    def statements(self, file: str, function: str, first: str, last: str) -> list[ast.stmt]:
        """The statements of a function from one that starts with ``first`` to one with ``last``."""
        text = self._text(file)
        (definition,) = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and node.name == function
        ]
        for node in ast.walk(definition):
            for body in (getattr(node, "body", []), getattr(node, "orelse", [])):
                starts = [(ast.get_source_segment(text, s) or "") for s in body]
                begin = [i for i, start in enumerate(starts) if start.startswith(first)]
                end = [i for i, start in enumerate(starts) if start.startswith(last)]
                if begin and end:
                    return body[begin[0] : end[0] + 1]
        raise LookupError(f"{file}: {function} has no statements from {first!r} to {last!r}")


def execute(body: list[Any], file: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Run statements as they stand; they keep the line numbers of their file."""
    module = ast.Module(body, type_ignores=[])
    # Types are left as text: what they name is not there.
    exec(compile(module, file, "exec", flags=__future__.annotations.compiler_flag), namespace)
    return namespace


def rewards_of(size: int, k: int, dtype: torch.dtype) -> torch.Tensor:
    """A group with k successes, first the successes."""
    return (torch.arange(size) < k).to(dtype)


class Setting(NamedTuple):
    """One way to run a library.

    Attributes:
        library: name of its package.
        names: its settings, as the library writes them.
        dtypes: the numbers it can compute with.
        sizes: the sizes of groups that it is run on.
        advantages: the advantages of the completions of one group, from their rewards.
    """

    library: str
    names: str
    dtypes: list[torch.dtype]
    sizes: list[int]
    advantages: Callable[[torch.Tensor], Any]

    @property
    def origin(self) -> tuple[str, str]:
        """The library and its version."""
        return self.library, VERSIONS[self.library]


BOTH = [torch.float32, torch.float64]


def trl(sources: Sources) -> Iterator[Setting]:
    """The statements of `GRPOTrainer._generate_and_score_completions` that normalise."""
    nanstd = sources.load("trl/trainer/utils.py", "nanstd", torch=torch)["nanstd"]
    body = sources.statements(
        "trl/trainer/grpo_trainer.py",
        "_generate_and_score_completions",
        'if self.multi_objective_aggregation == "sum_then_normalize"',
        "advantages = torch.nan_to_num(",
    )
    for scale_rewards in ("group", "none"):

        def advantages(rewards: torch.Tensor, scale_rewards: str = scale_rewards) -> Any:
            trainer = SimpleNamespace(
                multi_objective_aggregation="sum_then_normalize",
                reward_weights=torch.ones(1, dtype=rewards.dtype),
                scale_rewards=scale_rewards,
            )
            namespace = {
                "self": trainer,
                "torch": torch,
                "nanstd": nanstd,
                "device": rewards.device,
                "num_generations": len(rewards),
                "rewards_per_func": rewards.unsqueeze(1),
                "unscorable_mask": torch.zeros(len(rewards), dtype=torch.bool),
            }
            return execute(body, "grpo_trainer.py", namespace)["advantages"]

        yield Setting("trl", f"scale_rewards={scale_rewards}", BOTH, SIZES, advantages)


def verl(sources: Sources) -> Iterator[Setting]:
    """Both forms of its function, on responses of one token."""
    helpers = sources.load(
        "verl/utils/groupwise.py",
        "_resolve_device", "_to_1d_numpy_object_array", "as_torch_index", "group_mean_std",
        torch=torch, np=np,
    )  # fmt: skip
    plain, vectorized = (
        "compute_grpo_outcome_advantage",
        "compute_grpo_vectorized_outcome_advantage",
    )
    functions = sources.load(
        "verl/trainer/ppo/core_algos.py",
        plain, vectorized,
        torch=torch, np=np, defaultdict=defaultdict,
        as_torch_index=helpers["as_torch_index"], group_mean_std=helpers["group_mean_std"],
    )  # fmt: skip
    for adv_estimator, name, dtypes in (
        ("grpo", plain, BOTH),
        ("grpo_vectorized", vectorized, BOTH[:1]),  # casts to float32
    ):
        for by_std in (True, False):

            def advantages(
                rewards: torch.Tensor, name: str = name, by_std: bool = by_std
            ) -> torch.Tensor:
                mask = torch.ones(len(rewards), 1, dtype=rewards.dtype)
                result, _ = functions[name](
                    rewards.clone().unsqueeze(1),
                    mask,
                    np.zeros(len(rewards), dtype=int),
                    norm_adv_by_std_in_grpo=by_std,
                )
                return result[:, 0]

            names = f"adv_estimator={adv_estimator} norm_adv_by_std_in_grpo={by_std}"
            yield Setting("verl", names, dtypes, [1, *SIZES], advantages)


def openrlhf(sources: Sources) -> Iterator[Setting]:
    """`RemoteExperienceMaker.compute_advantages_and_returns`, with the KL in the reward at 0."""
    length = sources.load("openrlhf/trainer/ppo_utils/length_penalty.py", "apply_length_penalties")
    reward = sources.load("openrlhf/models/utils.py", "compute_reward", torch=torch)
    maker = sources.load(
        "openrlhf/trainer/ppo_utils/experience_maker.py", "RemoteExperienceMaker",
        torch=torch, itertools=itertools, logger=logging.getLogger(),
        apply_length_penalties=length["apply_length_penalties"],
        compute_reward=reward["compute_reward"],
    )["RemoteExperienceMaker"]  # fmt: skip
    for estimator in ("group_norm", "dr_grpo", "rloo"):

        def advantages(rewards: torch.Tensor, estimator: str = estimator) -> torch.Tensor:
            args = SimpleNamespace(
                algo=SimpleNamespace(advantage=SimpleNamespace(estimator=estimator, gamma=1.0)),
                rollout=SimpleNamespace(n_samples_per_prompt=len(rewards)),
                reward=SimpleNamespace(clip_range=(-10, 10)),
            )
            instance = object.__new__(maker)
            instance.strategy = SimpleNamespace(args=args)
            instance.advantage_estimator = estimator
            instance.kl_ctl = SimpleNamespace(value=0.01)
            experience = SimpleNamespace(
                index=list(range(len(rewards))),
                rewards=rewards,
                kl=torch.zeros(len(rewards), 1, dtype=rewards.dtype),
                action_mask=torch.ones(len(rewards), 1, dtype=torch.bool),
                info={},
            )
            instance.compute_advantages_and_returns([experience])
            return experience.advantages[:, 0]

        yield Setting(
            "openrlhf", f"algo.advantage.estimator={estimator}", BOTH, [*SIZES, 128], advantages
        )


def nemo_rl(sources: Sources) -> Iterator[Setting]:
    """`GRPOAdvantageEstimator.compute_advantage`."""
    baseline = "calculate_baseline_and_std_per_prompt"
    utils = sources.load("nemo_rl/algorithms/utils.py", baseline, torch=torch)
    estimator = sources.load(
        "nemo_rl/algorithms/advantage_estimator.py", "GRPOAdvantageEstimator",
        torch=torch, **{baseline: utils[baseline]},
    )["GRPOAdvantageEstimator"]  # fmt: skip
    for leave_one_out, normalize in itertools.product((True, False), repeat=2):
        config = SimpleNamespace(
            use_leave_one_out_baseline=leave_one_out, normalize_rewards=normalize
        )

        def advantages(rewards: torch.Tensor, config: SimpleNamespace = config) -> torch.Tensor:
            prompt_ids, mask = torch.zeros(len(rewards), 1), torch.ones(len(rewards), 1)
            result = estimator(config, None).compute_advantage(prompt_ids, rewards, mask)
            return result[:, 0]

        names = f"use_leave_one_out_baseline={leave_one_out} normalize_rewards={normalize}"
        yield Setting("nemo_rl", names, BOTH, [1, *SIZES], advantages)


def open_instruct(sources: Sources) -> Iterator[Setting]:
    """The statements of `DataPreparationActor._data_preparation_loop` that normalise."""
    body = sources.statements(
        "open_instruct/data_loader.py",
        "_data_preparation_loop",
        "scores = np.array(",
        "if self.config.advantage_normalization_type ==",
    )
    for kind in ("centered", "standard"):

        def advantages(rewards: torch.Tensor, kind: str = kind) -> Any:
            config = SimpleNamespace(
                num_samples_per_prompt_rollout=len(rewards), advantage_normalization_type=kind
            )
            namespace = {
                "np": np,
                "self": SimpleNamespace(config=config),
                "batch": SimpleNamespace(scores=rewards.tolist()),
            }
            return execute(body, "data_loader.py", namespace)["advantages"]

        names = f"advantage_normalization_type={kind}"
        yield Setting("open_instruct", names, BOTH[1:], [1, *SIZES], advantages)


def groups(settings: Iterable[Setting]) -> Iterator[list[Any]]:
    """The lines of ``libraries.csv``."""
    yield ["library", "version", "setting", "dtype", "size", "k", "success", "failure"]
    for setting in settings:
        for dtype, size in itertools.product(setting.dtypes, setting.sizes):
            torch.set_default_dtype(dtype)  # of what is made of whole numbers, such as G / (G - 1)
            for k in range(size + 1):
                found = [float(a) for a in setting.advantages(rewards_of(size, k, dtype))]
                for same in (found[:k], found[k:]):
                    assert len(set(same)) <= 1, f"{setting}: not all alike: {same}"
                success, failure = found[0] if k else None, found[-1] if k < size else None
                name = str(dtype).removeprefix("torch.")
                yield [*setting.origin, setting.names, name, size, k, success, failure]
    torch.set_default_dtype(torch.float32)


def penalties(sources: Sources) -> Iterator[list[Any]]:
    """The lines of ``libraries-kl.csv``."""
    yield ["library", "version", "setting", "x", "pull"]
    body = sources.statements(
        "trl/trainer/grpo_trainer.py", "_compute_loss", "if self.beta != 0.0", "if self.beta != 0.0"
    )

    def of_trl(corrected: bool) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        def term(logp: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
            args = SimpleNamespace(use_bias_correction_kl=corrected)
            namespace = {
                "self": SimpleNamespace(beta=1.0, args=args),
                "torch": torch,
                "inputs": {"ref_per_token_logps": reference},
                "per_token_logps": logp,
                "coef_1": torch.exp(logp - logp.detach()),
            }
            return execute(body[:1], "grpo_trainer.py", namespace)["per_token_kl"]

        return term

    of_verl = sources.load(
        "verl/trainer/ppo/core_algos.py", "kl_penalty_forward", "kl_penalty", torch=torch
    )["kl_penalty"]
    of_openrlhf = sources.load("openrlhf/models/utils.py", "compute_approx_kl", torch=torch)[
        "compute_approx_kl"
    ]
    of_nemo_rl = sources.load("nemo_rl/algorithms/utils.py", "calculate_kl", torch=torch)
    estimate = sources.load("open_instruct/model_utils.py", "estimate_kl", torch=torch)

    def weighted(logp: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        weights = torch.exp(logp - logp.detach())
        return of_nemo_rl["calculate_kl"](logp, reference, importance_sampling_weights=weights)

    def numbered(kind: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        return lambda logp, reference: estimate["estimate_kl"](
            (logp - reference).clamp(-40.0, 40.0), torch.exp(logp - logp.detach())
        )[kind]

    losses = [
        ("trl", "use_bias_correction_kl=True", of_trl(True)),
        ("trl", "use_bias_correction_kl=False", of_trl(False)),
        *(
            ("verl", f"kl_loss_type={kind}", lambda logp, ref, kind=kind: of_verl(logp, ref, kind))
            for kind in ("low_var_kl", "kl", "k2", "k3+")
        ),
        *(
            (
                "openrlhf",
                f"algo.kl.use_loss algo.kl.estimator={kind}",
                lambda logp, ref, kind=kind: of_openrlhf(logp, ref, kl_estimator=kind),
            )
            for kind in ("k1", "k2", "k3")
        ),
        ("nemo_rl", "reference_policy_kl_type=k3", weighted),
        *(("open_instruct", f"kl_estimator={kind}", numbered(kind)) for kind in range(4)),
    ]
    for library, names, term in losses:
        for x in LOG_RATIOS:
            logp = torch.tensor([x], dtype=torch.float64, requires_grad=True)
            term(logp, torch.zeros(1, dtype=torch.float64)).sum().backward()
            yield [library, VERSIONS[library], names, x, float(logp.grad)]
    for x in LOG_RATIOS:
        zero = torch.zeros(1, dtype=torch.float64)
        value = of_openrlhf(torch.tensor([x], dtype=torch.float64), zero, kl_estimator="k1")
        names = "in the reward algo.kl.estimator=k1"
        yield ["openrlhf", VERSIONS["openrlhf"], names, x, float(value)]


def declarations(sources: Sources) -> Iterator[list[Any]]:
    """The lines of ``libraries-settings.csv``."""
    yield ["library", "version", "topic", "declaration", "file", "line"]
    for file, topics in SETTINGS.items():
        library = file.partition("/")[0]
        for topic, text in topics.items():
            code = [part.strip() for part in text.split("\n") if not part.startswith("#")]
            shown = " ".join(code).removeprefix("parser.add_argument(")
            yield [library, VERSIONS[library], topic, shown, file, sources.line(file, text)]


def main(folder: Path, results: Path) -> None:
    """Write the three files."""
    sources = Sources(folder)
    libraries = (trl, verl, openrlhf, nemo_rl, open_instruct)
    recorded = {
        "libraries.csv": groups(s for library in libraries for s in library(sources)),
        "libraries-kl.csv": penalties(sources),
        "libraries-settings.csv": declarations(sources),
    }
    written = {}
    for name, rows in recorded.items():
        with (results / name).open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        written[name] = hashlib.sha256((results / name).read_bytes()).hexdigest()
    here = Path(__file__)
    manifest = {
        "command": "python experiments/libraries/record.py SOURCES experiments/results",
        "script": {here.name: hashlib.sha256(here.read_bytes()).hexdigest()},
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "libraries": VERSIONS,
        "sources": dict(sorted(sources.hashes.items())),
        "results": written,
    }
    (results / "libraries.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
