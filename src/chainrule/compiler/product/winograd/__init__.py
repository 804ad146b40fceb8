"""Convolutions with few taps in fewer multiplications: Winograd's minimal filtering.

Two neighbouring outputs of three taps, y₀ = d₀g₀ + d₁g₁ + d₂g₂ and y₁ = d₁g₀ + d₂g₁ + d₃g₂, take four
multiplications instead of six:

    m₀ = (d₀ − d₂) · g₀                      y₀ = m₀ + m₁ + m₂
    m₁ = (d₁ + d₂) · (g₀ + g₁ + g₂) / 2      y₁ = m₁ − m₂ − m₃
    m₂ = (d₂ − d₁) · (g₀ − g₁ + g₂) / 2
    m₃ = (d₁ − d₃) · g₂

In matrices y = Aᵀ [(G g) ⊙ (Bᵀ d)]. Along both axes at once, 2 × 2 outputs take 16 multiplications instead of 36. Of the image
becomes V = Bᵀ d B, of the kernel U = G g Gᵀ, and what lies between is summed over the channels: each of the 16 *points* is a
matrix product, M = V · U, and the outputs are Aᵀ M A.

The form is linear in each of g, d and y, so its gradient by g is Gᵀ [(A ẏ) ⊙ (Bᵀ d)]: of ẏ becomes A ẏ Aᵀ, the sums of
the products run over places, and the kernel's gradient is Gᵀ M G. The gradient by d is a convolution again. And read the
other way, with ẏ as a kernel of two taps, it makes three outputs in four multiplications: 3 × 3 outputs of 2 × 2 taps take 16 as well.

It is recognised in a product, whatever it came from: two axes of m (of k, for the gradient by g), each with an axis of k
(of m) of size 2 or 3 that moves in A by the same stride. A kernel of 4 × 4 that slides by two is one of 2 × 2 taps for each of the four
places within a step, whose sums are added up.

Rounding: the additions are of a few numbers of the same kind, and errors are 1 to 3 times those of the sums as written. An
infinity or NaN reaches all outputs of its places, as NaN.

Legend: a *place* is a square of outputs, for which 4 × 4 elements of an image are read; W columns of a panel.

Read `points` (the additions, and V), `kernels` (the products), `convolution`, `gradient`.

Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016).
"""

from .convolution import Convolution, convolution_of
from .gradient import Gradient, gradient_of

__all__ = ["Convolution", "Gradient", "convolution_of", "gradient_of"]
