import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_lib import kl_divergence, renyi_divergence, symbolic, total_variation
from grpo_lib.symbolic import alpha
from tests.grpo_lib.reference import exact, exact_masses, masses, policies, worst

PAIR = st.integers(2, 5).flatmap(lambda size: policies(2, size))
ORDER = st.floats(0, 1, exclude_max=True)


def error(function, form, pair, *order):
    """Error relative to the divergence, or to 1 where that is larger."""
    a, b = (masses(name, pair.shape[1]) for name in "ab")
    values = dict(zip([*a, *b], [*exact_masses(pair[0]), *exact_masses(pair[1])], strict=True))
    values |= dict(zip([alpha], order, strict=False))
    return worst(function(*pair, *order), exact(form(a, b, *[alpha][: len(order)]), values), 1)


@given(PAIR)
def test_kl_and_total_variation_equal_symbolic(pair):
    assert error(kl_divergence, symbolic.kl_divergence, pair) <= 2e-15
    assert error(total_variation, symbolic.total_variation, pair) <= 5e-16


@given(PAIR, ORDER | st.sampled_from([1 - 1e-9, 1 - 2**-53]))
def test_renyi_equals_symbolic(pair, order):
    exponent = np.max(np.abs(np.log(pair)))  # its rounding becomes an error of the sum
    assert error(renyi_divergence, symbolic.renyi_divergence, pair, order) <= 2e-16 * (
        10 + exponent
    )


def test_renyi_of_policies_that_hardly_overlap():
    pair = np.array([[1 - 1e-16, 1e-40], [1e-40, 1 - 1e-16]])
    assert error(renyi_divergence, symbolic.renyi_divergence, pair, 0.5) <= 4e-15


@given(PAIR)
def test_renyi_grows_with_the_order_up_to_kl(pair):
    values = renyi_divergence(*pair, np.array([0, 1e-3, 0.3, 0.9, 1 - 1e-12, 1]))
    assert np.all(np.diff(values) >= -1e-14 * (1 + values[1:]))
    assert values[-1] == kl_divergence(*pair)
    assert values[-2] == pytest.approx(values[-1], rel=1e-9, abs=1e-15)


def test_renyi_ends():
    a, b = [0.5, 0.5, 0.0], [0.25, 0.0, 0.75]
    assert renyi_divergence(a, b, 0) == pytest.approx(-np.log(0.25), rel=1e-15, abs=0)
    assert renyi_divergence(b, a, 0) == pytest.approx(-np.log(0.5), rel=1e-15, abs=0)
    assert renyi_divergence(a, b, 1) == np.inf
    assert renyi_divergence(a, b, 0.5) == pytest.approx(
        -2 * np.log(np.sqrt(0.125)), rel=1e-15, abs=0
    )


def test_disjoint_policies():
    a, b = [1, 0], [0, 1]
    assert kl_divergence(a, b) == np.inf
    assert total_variation(a, b) == 1
    assert np.all(renyi_divergence(a, b, [0, 0.5, 1]) == np.inf)


def test_equal_policies():
    a = [0.2, 0.8, 0]
    assert kl_divergence(a, a) == total_variation(a, a) == 0
    assert np.all(renyi_divergence(a, a, [0, 0.5, 1]) == 0)


def test_broadcasts_over_prompts():
    rng = np.random.default_rng(0)
    a, b, order = (
        rng.dirichlet(np.ones(4), (3, 1)),
        rng.dirichlet(np.ones(4), 2),
        np.array([0.5, 1]),
    )
    kl, tv, renyi = kl_divergence(a, b), total_variation(a, b), renyi_divergence(a, b, order)
    for i, j in np.ndindex(3, 2):
        assert kl[i, j] == pytest.approx(kl_divergence(a[i, 0], b[j]), rel=1e-15, abs=0)
        assert tv[i, j] == pytest.approx(total_variation(a[i, 0], b[j]), rel=1e-15, abs=0)
        assert renyi[i, j] == pytest.approx(
            renyi_divergence(a[i, 0], b[j], order[j]), rel=1e-14, abs=0
        )


def test_wrong_divergences_are_caught():
    pair = np.array([[0.1, 0.9], [0.7, 0.3]])
    assert error(lambda a, b: kl_divergence(b, a), symbolic.kl_divergence, pair) > 0.01
    assert error(lambda a, b: 2 * total_variation(a, b), symbolic.total_variation, pair) > 0.1
    swapped = lambda a, b, order: renyi_divergence(b, a, order)  # noqa: E731
    assert error(swapped, symbolic.renyi_divergence, pair, 0.3) > 0.01
