"""grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp: against closed forms and float64 differences, nested, with closures."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import ArgumentError, GradError, ShapeError
from chainrule.transforms import (
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    linearize,
    value_and_grad,
    vjp,
)

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((3, 5)), RNG.standard_normal((5, 2))
X = RNG.standard_normal(5)


def t(a):
    return cr.tensor(np.asarray(a, np.float64))


def network(x):
    """(5,) → (2,), smooth."""
    return ((t(A) @ x).tanh() @ t(A) * x).sin() @ t(B)


def scalar(x):
    return (network(x) ** 2).sum() + (x[0] * x[1]).exp()


def differences(f, x, eps=1e-6):
    """The Jacobian (*output, *input) of a function of arrays."""
    columns = []
    for k in range(x.size):
        e = np.zeros(x.size)
        e[k] = eps
        e = e.reshape(x.shape)
        columns.append(
            (np.asarray(f(t(x + e)).detach().numpy()) - f(t(x - e)).detach().numpy()) / (2 * eps)
        )
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


def close(found, expected, tol=1e-7):
    np.testing.assert_allclose(found.detach().numpy(), np.asarray(expected), rtol=tol, atol=tol)


def test_grad_and_value():
    close(grad(scalar)(t(X)), differences(scalar, X))
    value, g = value_and_grad(scalar)(t(X))
    close(value, scalar(t(X)).numpy())
    close(g, differences(scalar, X))
    assert not value.requires_grad and not g.requires_grad and value.grad_fn is None


def test_several_arguments_and_aux():
    def f(a, b, *, c):
        return (a * b * c).sum(), "aux"

    a, b = t([1.0, 2.0]), t([3.0, 5.0])
    (ga, gb), aux = grad(f, (0, 1), has_aux=True)(a, b, c=2.0)
    assert ga.tolist() == [6, 10] and gb.tolist() == [2, 4] and aux == "aux"
    (value, aux), g = value_and_grad(f, 1, has_aux=True)(a, b, c=2.0)
    assert value.item() == 26 and g.tolist() == [2, 4] and aux == "aux"
    assert grad(lambda a, b: (a * a).sum(), (0, 1))(a, b)[1].tolist() == [
        0,
        0,
    ]  # not reached: zeros


def test_the_input_is_left_alone():
    x = t(X)
    grad(scalar)(x)
    assert not x.requires_grad and x.grad is None
    w = t(X).requires_grad_()
    g = grad(scalar)(w)
    assert (
        w.grad is None and g.requires_grad
    )  # w is differentiated further out: the result keeps its history


def test_nested_to_third_order():
    f = lambda x: x**5  # noqa: E731
    assert grad(f)(t(2.0)).item() == 80
    assert grad(grad(f))(t(2.0)).item() == 160
    assert grad(grad(grad(f)))(t(2.0)).item() == 240
    cubic = lambda x: (x**3).sum() + (x[0] * x[1]) ** 2  # noqa: E731
    third = jacobian(
        lambda x: jacobian(lambda y: jacobian(cubic, y, create_graph=True), x, create_graph=True),
        t(X[:2]),
    )
    expected = differences(lambda x: hessian(cubic)(x), X[:2], 1e-4)
    close(third, expected, 1e-5)


def test_closures_over_the_outer_variable():
    """The inner derivative is a function of the outer variable: perturbations must not be confused."""

    def outer(x):
        return x * grad(lambda y: x * y * y)(t(3.0))  # x · 6x = 6x²

    assert grad(outer)(t(2.0)).item() == 24

    def confusion(x):
        return x * grad(lambda y: x + y)(t(1.0))  # x · 1

    assert grad(confusion)(t(5.0)).item() == 1


def test_closures_over_parameters_reach_them():
    w = t(2.0).requires_grad_()
    g = grad(lambda x: w * x**2)(t(3.0))
    assert g.item() == 12
    g.backward()
    assert w.grad.item() == 6


def test_under_no_grad_derivatives_are_still_taken():
    with cr.no_grad():
        assert grad(lambda x: x**2)(t(3.0)).item() == 6
        assert not cr.is_grad_enabled()
    assert hessian(lambda x: (x**3).sum())(t([1.0, 2.0])).tolist() == [[6, 0], [0, 12]]


def test_vjp_and_jvp_are_the_jacobians_sides():
    J = differences(network, X)
    u, v = RNG.standard_normal(2), RNG.standard_normal(5)
    y, pull = vjp(network, t(X))
    close(y, network(t(X)).numpy())
    for _ in range(2):  # the pull may be used again
        close(pull(t(u))[0], u @ J)
    y, pushed = jvp(network, (t(X),), (t(v),))
    close(pushed, J @ v)
    assert not y.requires_grad and not pushed.requires_grad


def test_vjp_and_jvp_of_several_inputs_and_outputs():
    def f(a, b):
        return a * b, (a + b).sum(), cr.ones(2, dtype=cr.float64)

    a, b = t([1.0, 2.0]), t([3.0, 5.0])
    outs, pull = vjp(f, a, b)
    assert len(outs) == 3
    ga, gb = pull((t([1.0, 10.0]), t(100.0), t([7.0, 7.0])))
    assert ga.tolist() == [103, 150] and gb.tolist() == [101, 120]
    outs, pushed = jvp(f, (a, b), (t([1.0, 0.0]), t([0.0, 1.0])))
    assert pushed[0].tolist() == [3, 2] and pushed[1].item() == 2 and pushed[2].tolist() == [0, 0]
    with pytest.raises(
        ShapeError, match="one cotangent for each of the 3 outputs is needed, found 1"
    ):
        pull(t(1.0))
    with pytest.raises(
        ShapeError, match=r"a tangent must have the shape of its primal, \(2,\), found \(3,\)"
    ):
        jvp(f, (a, b), (t(np.ones(3)), b))


def test_cotangents_and_tangents_may_be_differentiated():
    """u ↦ uᵀJ and v ↦ J v are functions of u and v as well."""
    J = differences(network, X)
    u, v = t(RNG.standard_normal(2)).requires_grad_(), t(RNG.standard_normal(5)).requires_grad_()
    (row,) = vjp(network, t(X))[1](u)
    w = RNG.standard_normal(5)
    close(cr.grad((row * t(w)).sum(), u)[0], J @ w)
    _, column = jvp(network, (t(X),), (v,))
    z = RNG.standard_normal(2)
    close(cr.grad((column * t(z)).sum(), v)[0], z @ J)


def test_jacobians():
    J = differences(network, X)
    for found in (jacrev(network)(t(X)), jacfwd(network)(t(X)), jacobian(network, t(X))):
        close(found, J)
    M = RNG.standard_normal((2, 3))
    f = lambda m: (m.T @ m).sin()  # noqa: E731
    expected = differences(f, M)
    assert expected.shape == (3, 3, 2, 3)
    for found in (jacrev(f)(t(M)), jacfwd(f)(t(M)), jacobian(f, t(M))):
        close(found, expected)
    assert (
        jacobian(lambda x: cr.ones(3, dtype=cr.float64), t(X)).tolist() == np.zeros((3, 5)).tolist()
    )


def test_jacobian_of_several_inputs_and_outputs_is_torchs_tuple_of_tuples():
    J = jacobian(lambda a, b: (a * b, b.sum()), (t([1.0, 2.0]), t([3.0, 5.0])))
    assert J[0][0].tolist() == [[3, 0], [0, 5]] and J[0][1].tolist() == [[1, 0], [0, 2]]
    assert J[1][0].tolist() == [0, 0] and J[1][1].tolist() == [1, 1]
    a, b = jacobian(lambda a, b: a * b, (t([2.0]), t([3.0])))
    assert a.tolist() == [[3]] and b.tolist() == [[2]]


def test_hessians():
    H = differences(grad(scalar), X, 1e-5)
    for found in (
        cr.autograd.functional.hessian(scalar, t(X)),
        hessian(scalar)(t(X)),
        jacfwd(grad(scalar))(t(X)),
        jacrev(jacrev(scalar))(t(X)),
    ):
        close(found, H, 1e-6)
    v = RNG.standard_normal(5)
    value, Hv = hvp(scalar, t(X), t(v))
    close(value, scalar(t(X)).numpy())
    close(Hv, H @ v, 1e-6)
    close(jvp(grad(scalar), (t(X),), (t(v),))[1], H @ v, 1e-6)  # forward over reverse
    (aa, ab), (ba, bb) = hessian(lambda a, b: (a * a * b).sum(), (0, 1))(t([2.0]), t([3.0]))
    assert [m.item() for m in (aa, ab, ba, bb)] == [6, 4, 4, 0]
    assert hessian(lambda x: x.sum())(t(X)).tolist() == np.zeros((5, 5)).tolist()


def test_a_hessian_through_a_module():
    net = cr.nn.Sequential(cr.nn.Linear(5, 3), cr.nn.Tanh(), cr.nn.Linear(3, 1)).double()
    H = hessian(lambda x: net(x).sum())(t(X))
    close(H, differences(grad(lambda x: net(x).sum()), X, 1e-5), 1e-6)
    assert all(p.grad is None for p in net.parameters())


def test_create_graph():
    x = t(X).requires_grad_()
    assert not jacobian(network, x).requires_grad
    jacobian(network, x, create_graph=True).sum().backward()
    assert x.grad is not None


def test_wrong_uses():
    with pytest.raises(
        GradError,
        match=r"whose value has one element, found shape \(2,\)\n  hint: jacobian, or \.sum\(\)",
    ):
        grad(network)(t(X))
    with pytest.raises(GradError, match="found float"):
        grad(lambda x: 1.0)(t(X))
    with pytest.raises(GradError, match="a derivative is taken by tensors, found float"):
        grad(scalar)([1.0])


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch about itself
def test_against_torch_func(torch):
    def net(L, x):
        return ((L.tensor(A) @ x).tanh() @ L.tensor(A) * x).sin() @ L.tensor(B)

    def number(L, x):
        return (net(L, x) ** 2).sum()

    ours, theirs = t(X), torch.tensor(X)
    v = RNG.standard_normal(5)
    T, C = torch.func, cr.func
    for mine, reference in [
        (C.grad(lambda x: number(cr, x))(ours), T.grad(lambda x: number(torch, x))(theirs)),
        (C.jacrev(lambda x: net(cr, x))(ours), T.jacrev(lambda x: net(torch, x))(theirs)),
        (C.jacfwd(lambda x: net(cr, x))(ours), T.jacfwd(lambda x: net(torch, x))(theirs)),
        (C.hessian(lambda x: number(cr, x))(ours), T.hessian(lambda x: number(torch, x))(theirs)),
        (
            C.jvp(lambda x: net(cr, x), (ours,), (t(v),))[1],
            T.jvp(lambda x: net(torch, x), (theirs,), (torch.tensor(v),))[1],
        ),
        (
            C.jacrev(C.jacrev(C.jacrev(lambda x: number(cr, x))))(ours),
            T.jacrev(T.jacrev(T.jacrev(lambda x: number(torch, x))))(theirs),
        ),
        (
            cr.autograd.functional.hvp(lambda x: number(cr, x), ours, t(v))[1],
            torch.autograd.functional.hvp(lambda x: number(torch, x), theirs, torch.tensor(v))[1],
        ),
        (
            cr.autograd.functional.vjp(lambda x: net(cr, x), ours, t([1.0, 2.0]))[1],
            torch.autograd.functional.vjp(
                lambda x: net(torch, x), theirs, torch.tensor([1.0, 2.0], dtype=torch.float64)
            )[1],
        ),
    ]:
        np.testing.assert_allclose(mine.numpy(), reference.numpy(), rtol=1e-9, atol=1e-10)


def test_functions_of_several_inputs_like_pytorch(torch):
    """torch.autograd.functional with tuples, by keyword, with what they do about history; and what has_aux carries along."""
    y = RNG.standard_normal((2, 3))
    v = tuple(RNG.standard_normal(x.shape) for x in (X, y))

    def number(L, a, b):
        return (L.tanh(a).sum() * b**3).sum()

    def two(L, a, b):
        return a * b.sum(), L.sin(b)

    ours = {"func": lambda a, b: number(cr, a, b), "inputs": (t(X), t(y))}
    theirs = {
        "func": lambda a, b: number(torch, a, b),
        "inputs": (torch.tensor(X), torch.tensor(y)),
    }
    F, G = cr.autograd.functional, torch.autograd.functional
    vs, ws = tuple(map(t, v)), tuple(map(torch.tensor, v))
    pairs = [(getattr(F, n)(v=vs, **ours), getattr(G, n)(v=ws, **theirs)) for n in ("hvp", "vhp", "jvp")]  # fmt: skip
    pairs += [
        (getattr(F, n)(strict=True, **ours), getattr(G, n)(strict=True, **theirs))
        for n in ("jacobian", "hessian", "vjp")
    ]
    ours["func"], theirs["func"] = (lambda a, b: two(cr, a, b)), (lambda a, b: two(torch, a, b))
    pairs += [(F.jacobian(vectorize=True, **ours), G.jacobian(vectorize=True, **theirs))]
    pairs += [(F.vjp(v=vs, **ours), G.vjp(v=ws, **theirs))]

    def aux(L):
        return lambda a: (L.sin(a), L.cos(a.detach()))

    C, T, x = cr.func, torch.func, torch.tensor(X)
    pairs += [(C.jacrev(aux(cr), has_aux=True, chunk_size=2)(t(X)), T.jacrev(aux(torch), has_aux=True)(x))]  # fmt: skip
    pairs += [(C.jacfwd(func=aux(cr), has_aux=True)(t(X)), T.jacfwd(func=aux(torch), has_aux=True)(x))]  # fmt: skip
    pairs += [
        (
            C.jvp(func=aux(cr), primals=(t(X),), tangents=(vs[0],), has_aux=True),
            T.jvp(aux(torch), (x,), (ws[0],), has_aux=True),
        )
    ]
    value, pull, aside = C.vjp(aux(cr), t(X), has_aux=True)
    value_, pull_, aside_ = T.vjp(aux(torch), x, has_aux=True)
    pairs += [((value, pull(vs[0]), aside), (value_, pull_(ws[0]), aside_))]
    for mine, reference in pairs:
        _need_close(mine, reference)


def _need_close(mine, reference):
    if isinstance(mine, tuple):
        assert len(mine) == len(reference)
        for a, b in zip(mine, reference, strict=True):
            _need_close(a, b)
    else:
        np.testing.assert_allclose(mine.numpy(), reference.numpy(), rtol=1e-9, atol=1e-10)


def test_strict_and_history():
    F = cr.autograd.functional
    x, y = t(X).requires_grad_(), t([2.0])
    one = cr.ones(5, dtype=cr.float64)
    for call in (F.jacobian, F.vjp, F.jvp):
        with pytest.raises(GradError, match="output 0 .* does not depend on input 1"):
            call(lambda a, b: (a * a).sum(), (x, y), strict=True)
    with pytest.raises(GradError, match="output 0 .* does not depend on input 1"):
        F.hessian(lambda a, b: (a * a).sum() + (b**3).sum() * 0 + b.sum(), (x, y), strict=True)
    with pytest.raises(GradError, match="does not depend on the primals"):
        cr.func.jvp(lambda a: cr.ones(2), (x,), (one,), strict=True)
    with pytest.raises(GradError, match="left out for one input with one element"):
        F.hvp(lambda a: (a * a).sum(), x)
    with pytest.raises(
        ArgumentError, match="strategy is 'reverse-mode' or 'forward-mode', found 'x'"
    ):
        F.jacobian(cr.sin, x, strategy="x")
    assert F.jvp(cr.sin, y)[1].numpy() == pytest.approx(np.cos([2.0]))
    for kept in (False, True):
        _, h = F.hvp(lambda a: (a**3).sum(), x, one, create_graph=kept)
        J = F.jacobian(lambda a: a**2, x, create_graph=kept)
        assert (h.requires_grad, J.requires_grad) == (kept, kept)
        np.testing.assert_allclose(h.detach().numpy(), 6 * X)


@pytest.mark.filterwarnings(
    "ignore:Attempted to insert a get_attr:UserWarning"
)  # torch about itself
def test_arguments_and_results_may_be_nested(torch):
    """Dicts and lists of tensors, on either side of a Jacobian, by every function of torch.func."""
    a, b = RNG.standard_normal(2), RNG.standard_normal((2, 3))

    def f(L):
        return lambda p, q: {"y": [L.sin(p["a"]) @ p["b"][0] * q, p["a"].sum()], "z": q**3}

    def given(L):
        T = L.tensor if L is torch else t
        return {"a": T(a), "b": [T(b)]}, T(b[0])

    def flat(tree):
        if isinstance(tree, dict):
            tree = list(tree.values())
        return [x for v in tree for x in flat(v)] if isinstance(tree, list | tuple) else [tree]

    def seconds(L):
        return lambda p, q: (p["a"] ** 3).sum() * q**2  # (3,): more than one element

    def calls(L):
        F, (p, q) = L.func, given(L)
        y, pull = F.vjp(f(L), p, q)
        cotangent = {"y": [y["y"][0] * 2, y["y"][1]], "z": y["z"]}
        out, push = F.linearize(f(L), p, q)
        return [
            F.jacrev(f(L))(p, q), F.jacrev(f(L), 1)(p, q), F.jacrev(f(L), (0, 1))(p, q),
            F.jacfwd(f(L))(p, q), F.jacfwd(f(L), (1, 0))(p, q), F.jacfwd(f(L), None)(p, q),
            F.hessian(seconds(L))(p, q), F.hessian(seconds(L), 1)(p, q), F.hessian(seconds(L), (0, 1))(p, q),
            y, pull(cotangent), F.jvp(f(L), (p, q), (p, q * 2)), out, push(p, q * 2), push(p, q),
        ]  # fmt: skip

    for mine, reference in zip(calls(cr), calls(torch), strict=True):
        for x, y in zip(flat(mine), flat(reference), strict=True):
            np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-9, atol=1e-12)
        assert type(mine).__name__ == type(reference).__name__


def test_a_hessian_names_its_arguments_by_number():
    a, b = t([2.0, 3.0]), t([5.0])
    f = lambda a, b: (a * b**3).sum()  # noqa: E731
    assert hessian(f, 1)(a, b).tolist() == [[150]]
    assert cr.func.hessian(f, argnums=(1,))(a, b)[0][0].tolist() == [[150]]
    assert hessian(lambda a: a**3)(b).tolist() == [[[30]]]


def test_a_jacobian_of_a_function_that_draws():
    draws = lambda x: cr.rand(3, dtype=cr.float64) * x  # noqa: E731
    x = cr.ones(3, dtype=cr.float64)
    cr.manual_seed(3)
    expected = cr.rand(3, dtype=cr.float64)
    cr.manual_seed(3)
    assert jacfwd(draws, randomness="same")(x).diagonal().tolist() == expected.tolist()
    found = jacfwd(lambda x: cr.rand(1, dtype=cr.float64) * x, randomness="different")(x)
    assert len(set(found.diagonal().tolist())) == 3
    with pytest.raises(GradError, match="draws random numbers\n  hint: randomness='same'"):
        jacfwd(draws)(x)
    with pytest.raises(ArgumentError, match="'error', 'different' or 'same', found 'none'"):
        jacfwd(draws, randomness="none")
    with pytest.raises(ArgumentError, match="chunk_size must be at least 1, found 0"):
        jacrev(draws, chunk_size=0)


def test_what_comes_along_has_no_history():
    _, aside = grad(lambda x: ((x * x).sum(), {"y": x * 2, "n": 3}), has_aux=True)(t(X))
    assert not aside["y"].requires_grad and aside["n"] == 3
    assert not vjp(lambda x: (x * x, x * 2), t(X), has_aux=True)[2].requires_grad


def test_linearize_runs_the_function_once():
    calls = []

    def f(x):
        calls.append(1)
        return x.sin(), x.argmax()

    y, push = linearize(f, t(X))
    (first, none), (second, _) = push(t(X)), push(cr.ones(5, dtype=cr.float64))
    close(first, np.cos(X) * X)
    close(second, np.cos(X))
    close(y[0], np.sin(X))
    assert len(calls) == 1 and none.item() == 0 and none.dtype is cr.int64
    with pytest.raises(
        ShapeError, match=r"must have the shape of its primal, \(5,\), found \(3,\)"
    ):
        push(cr.ones(3))
    with pytest.raises(ShapeError, match="a tangent for each of the 1 primals is needed, found 2"):
        push(t(X), t(X))
    with pytest.raises(GradError, match="taken of tensors, found str as .*\n  hint: has_aux=True"):
        jacrev(lambda x: (x, "aux"))(t(X))


def test_directions_of_eigenvectors_and_singular_vectors():
    """Rules of decompositions divide by gaps between eigenvalues, and must stay linear in the gradient where that is 0."""
    S, M = RNG.standard_normal((3, 3)), RNG.standard_normal((3, 2))
    S = S + S.T
    for f, x in (
        (lambda a: cr.linalg.eigh(a).eigenvectors.abs(), S),
        (lambda a: cr.linalg.svd(a, full_matrices=False).U.abs(), M),
        (lambda a: cr.linalg.svd(a, full_matrices=False).Vh.abs(), M),
    ):
        v = RNG.standard_normal(x.shape)
        v = v + v.T if x is S else v
        near = (f(t(x + 1e-6 * v)) - f(t(x - 1e-6 * v))).numpy() / 2e-6
        close(jvp(f, (t(x),), (t(v),))[1], near, 1e-6)
