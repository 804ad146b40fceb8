"""One distribution of each kind, as a call that either library can make: `make(D, t)`, D the module, t its `tensor`."""

LOC, SCALE = [0.3, -1.2, 2.0], [0.7, 1.9, 0.4]
SHARES = [0.2, 0.55, 0.9]
LOGITS = [[0.2, -0.7, 1.1, 0.0], [1.5, 0.1, -0.4, 0.6]]
MATRIX = [[1.3, 0.2, -0.1], [0.2, 0.9, 0.3], [-0.1, 0.3, 1.7]]
FACTOR = [[0.5, 0.1], [-0.3, 0.8], [0.2, -0.6]]
UNIT, POSITIVE, REAL = [0.15, 0.5, 0.85], [0.3, 1.1, 2.6], [0.1, -0.8, 1.7]
SHARE_VECTOR = [0.2, 0.5, 0.3]

# name → (the distribution, a value)
SAMPLES = {
    "Bernoulli": (lambda D, t: D.Bernoulli(t(SHARES)), [1.0, 0.0, 1.0]),
    "Bernoulli logits": (lambda D, t: D.Bernoulli(logits=t(LOC)), [1.0, 0.0, 1.0]),
    "Beta": (lambda D, t: D.Beta(t(POSITIVE), t(SCALE)), UNIT),
    "Binomial": (lambda D, t: D.Binomial(7, t(SHARES)), [2.0, 4.0, 7.0]),
    "Categorical": (lambda D, t: D.Categorical(logits=t(LOGITS)), [2.0, 0.0]),
    "Categorical probs": (lambda D, t: D.Categorical(t(LOGITS).exp()), [3.0, 1.0]),
    "Cauchy": (lambda D, t: D.Cauchy(t(LOC), t(SCALE)), REAL),
    "Chi2": (lambda D, t: D.Chi2(t(POSITIVE)), POSITIVE),
    "ContinuousBernoulli": (lambda D, t: D.ContinuousBernoulli(t(SHARES)), UNIT),
    "ContinuousBernoulli half": (lambda D, t: D.ContinuousBernoulli(t([0.5, 0.5003])), [0.2, 0.7]),
    "Dirichlet": (lambda D, t: D.Dirichlet(t(POSITIVE)), SHARE_VECTOR),
    "Exponential": (lambda D, t: D.Exponential(t(SCALE)), POSITIVE),
    "FisherSnedecor": (lambda D, t: D.FisherSnedecor(t([3.0, 5.5, 7.0]), t([5.0, 9.0, 1.5])), POSITIVE),
    "Gamma": (lambda D, t: D.Gamma(t(POSITIVE), t(SCALE)), POSITIVE),
    "GeneralizedPareto": (lambda D, t: D.GeneralizedPareto(t(LOC), t(SCALE), t([0.3, -0.2, 0.1])), [1.3, 0.1, 2.6]),
    "GeneralizedPareto exponential": (lambda D, t: D.GeneralizedPareto(0.3, 0.7, t([0.0])), [1.3]),
    "Geometric": (lambda D, t: D.Geometric(t(SHARES)), [0.0, 3.0, 1.0]),
    "Gumbel": (lambda D, t: D.Gumbel(t(LOC), t(SCALE)), REAL),
    "HalfCauchy": (lambda D, t: D.HalfCauchy(t(SCALE)), POSITIVE),
    "HalfNormal": (lambda D, t: D.HalfNormal(t(SCALE)), POSITIVE),
    "Independent": (lambda D, t: D.Independent(D.Normal(t([LOC, LOC]), t(SCALE)), 1), [REAL, LOC]),
    "InverseGamma": (lambda D, t: D.InverseGamma(t([0.8, 1.6, 3.5]), t(SCALE)), POSITIVE),
    "Kumaraswamy": (lambda D, t: D.Kumaraswamy(t([1.4, 2.3, 0.6]), t([2.1, 1.2, 3.0])), UNIT),
    "LKJCholesky": (lambda D, t: D.LKJCholesky(3, t(1.7)), [[1.0, 0, 0], [0.6, 0.8, 0], [0.48, 0.6, 0.64]]),
    "Laplace": (lambda D, t: D.Laplace(t(LOC), t(SCALE)), REAL),
    "LogNormal": (lambda D, t: D.LogNormal(t(LOC), t(SCALE)), POSITIVE),
    "LogisticNormal": (lambda D, t: D.LogisticNormal(t([0.3, -1.2]), t([0.7, 1.9])), SHARE_VECTOR),
    "LowRankMultivariateNormal": (lambda D, t: D.LowRankMultivariateNormal(t(LOC), t(FACTOR), t(SCALE)), REAL),
    "MixtureSameFamily": (
        lambda D, t: D.MixtureSameFamily(D.Categorical(t(SHARES)), D.Normal(t([LOC, REAL]), t(SCALE))), [0.4, -0.2],
    ),
    "Multinomial": (lambda D, t: D.Multinomial(5, t(SHARES)), [1.0, 3.0, 1.0]),
    "MultivariateNormal": (lambda D, t: D.MultivariateNormal(t(LOC), t(MATRIX)), [REAL, LOC]),
    "MultivariateNormal precision": (lambda D, t: D.MultivariateNormal(t(LOC), precision_matrix=t(MATRIX)), REAL),
    "MultivariateNormal factor": (lambda D, t: D.MultivariateNormal(t(LOC), scale_tril=t(MATRIX).tril()), REAL),
    "NegativeBinomial": (lambda D, t: D.NegativeBinomial(t([3.0, 5.0, 2.0]), t(SHARES)), [2.0, 4.0, 0.0]),
    "Normal": (lambda D, t: D.Normal(t(LOC), t(SCALE)), REAL),
    "Normal numbers": (lambda D, t: D.Normal(0.5, 2.0), REAL),
    "OneHotCategorical": (lambda D, t: D.OneHotCategorical(logits=t(LOGITS)), [[0.0, 0, 1, 0], [1, 0, 0, 0]]),
    "OneHotCategoricalStraightThrough": (
        lambda D, t: D.OneHotCategoricalStraightThrough(logits=t(LOGITS)), [[0.0, 0, 1, 0], [1, 0, 0, 0]],
    ),
    "Pareto": (lambda D, t: D.Pareto(t([0.2, 0.4, 1.0]), t([0.8, 1.6, 3.5])), POSITIVE),
    "Poisson": (lambda D, t: D.Poisson(t(POSITIVE)), [0.0, 2.0, 5.0]),
    "RelaxedBernoulli": (lambda D, t: D.RelaxedBernoulli(t(0.7), t(SHARES)), UNIT),
    "RelaxedOneHotCategorical": (lambda D, t: D.RelaxedOneHotCategorical(t(0.7), logits=t(LOC)), SHARE_VECTOR),
    "StudentT": (lambda D, t: D.StudentT(t([3.5, 1.5, 0.8]), t(LOC), t(SCALE)), REAL),
    "TransformedDistribution": (
        lambda D, t: D.TransformedDistribution(
            D.Normal(t(LOC), t(SCALE)), [D.TanhTransform(), D.AffineTransform(t([0.5, 0.0, 1.0]), t([2.0, -1.0, 3.0]))]
        ),
        [0.9, 0.4, -0.6],
    ),
    "Uniform": (lambda D, t: D.Uniform(t([-1.0, 0.0, 1.5]), t([0.5, 2.0, 4.0])), [0.1, 1.9, 1.7]),
    "VonMises": (lambda D, t: D.VonMises(t(LOC), t([0.5, 4.0, 20.0])), REAL),
    "Weibull": (lambda D, t: D.Weibull(t(SCALE), t([0.8, 1.6, 3.5])), POSITIVE),
    "Wishart": (lambda D, t: D.Wishart(t(5.5), t(MATRIX)), [[2.0, 0.3, 0.1], [0.3, 3.0, -0.4], [0.1, -0.4, 1.5]]),
}  # fmt: skip

TRANSFORMS = {
    "Abs": (lambda D, t: D.AbsTransform(), POSITIVE),
    "Affine": (lambda D, t: D.AffineTransform(t(LOC), t(SCALE)), REAL),
    "Affine vectors": (lambda D, t: D.AffineTransform(1.0, -2.5, event_dim=1), [REAL, LOC]),
    "Cat": (lambda D, t: D.CatTransform([D.ExpTransform(), D.TanhTransform()], 0, [1, 2]), REAL),
    "Compose": (lambda D, t: D.ComposeTransform([D.TanhTransform(), D.AffineTransform(1.0, 0.5)]), REAL),
    "Compose vectors": (lambda D, t: D.ComposeTransform([D.ExpTransform(), D.StickBreakingTransform()]), REAL),
    "CorrCholesky": (lambda D, t: D.CorrCholeskyTransform(), [0.1, -0.8, 0.7, 0.3, -0.2, 0.5]),
    "CumulativeDistribution": (lambda D, t: D.CumulativeDistributionTransform(D.Normal(t(LOC), t(SCALE))), REAL),
    "Exp": (lambda D, t: D.ExpTransform(), REAL),
    "Exp inverse": (lambda D, t: D.ExpTransform().inv, POSITIVE),
    "Independent": (lambda D, t: D.IndependentTransform(D.SigmoidTransform(), 1), [REAL, LOC]),
    "LowerCholesky": (lambda D, t: D.LowerCholeskyTransform(), MATRIX),
    "PositiveDefinite": (lambda D, t: D.PositiveDefiniteTransform(), MATRIX),
    "Power": (lambda D, t: D.PowerTransform(t(SCALE)), POSITIVE),
    "Reshape": (lambda D, t: D.ReshapeTransform((2, 3), (3, 2)), [REAL, LOC]),
    "Sigmoid": (lambda D, t: D.SigmoidTransform(), REAL),
    "Softmax": (lambda D, t: D.SoftmaxTransform(), REAL),
    "Softplus": (lambda D, t: D.SoftplusTransform(), REAL),
    "Stack": (lambda D, t: D.StackTransform([D.ExpTransform(), D.TanhTransform(), D.SoftplusTransform()], 0), REAL),
    "StickBreaking": (lambda D, t: D.StickBreakingTransform(), [REAL, LOC]),
    "Tanh": (lambda D, t: D.TanhTransform(), REAL),
}  # fmt: skip


def value_for(p, value, make):
    """The value of a sample, or its first part where it has axes before those of the distribution."""
    x = make(value)
    while x.ndim > len(p.batch_shape) + len(p.event_shape):
        x = x[0]
    return x
