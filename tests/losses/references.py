"""Every loss once more, in float64 numpy and plain loops, from the papers' formulas.

Nothing but the arguments (lambda, variant, ...) is taken from the code under test. A reference takes
``(loss, prediction, target, valid)`` with arrays ``(B, C, H, W)`` and a bool mask, and returns a number.
"""

import math
from functools import lru_cache

import numpy as np

from depthbench import losses as L


def pixels(valid):
    return list(zip(*np.nonzero(valid), strict=True))


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def per_image(valid):
    return [b for b in range(len(valid)) if valid[b].any()]


def groups(loss, shape):
    """The images whose pixels a mean runs over together: each alone, or all."""
    return [[b] for b in range(shape[0])] if loss.reduction == "image" else [list(range(shape[0]))]


def reduced(loss, found, shape):
    """The reduction of ``found``, pairs (image, error) of the pixels that count, of maps of a shape."""
    found = list(found)
    if loss.reduction == "holes_as_zero_error":
        return sum(value for _, value in found) / max(math.prod(shape), 1)
    means = [[value for b, value in found if b in group] for group in groups(loss, shape)]
    return mean(mean(values) for values in means if values)


def reduced_sums(loss, found):
    """The reduction of ``found``, pairs (sum of errors, number of pixels) of each image."""
    found = [(total, count) for total, count in found if count]
    if loss.reduction == "image":
        return mean(total / count for total, count in found)
    return sum(total for total, _ in found) / max(sum(count for _, count in found), 1)


def pointwise(formula):
    """The reduction of ``formula(loss, d, g)``."""

    def reference(loss, p, t, valid):
        return reduced(loss, ((i[0], formula(loss, p[i], t[i])) for i in pixels(valid)), p.shape)

    return reference


def threshold(loss, p, t, valid, b):
    if loss.threshold == "fixed":
        return loss.c
    images = range(len(p)) if loss.threshold == "batch" else [b]
    return loss.c * max((abs(p[i] - t[i]) for i in pixels(valid) if i[0] in images), default=0.0)


def huber(loss, p, t, valid):
    def one(i):
        e, c = abs(p[i] - t[i]), threshold(loss, p, t, valid, i[0])
        return e * e / 2 if e <= c else c * c / 2 + c * (e - c)

    return reduced(loss, ((i[0], one(i)) for i in pixels(valid)), p.shape)


def berhu(loss, p, t, valid):
    def one(i):
        e, c = abs(p[i] - t[i]), threshold(loss, p, t, valid, i[0])
        return e if e <= c else (e * e + c * c) / (2 * c)

    return reduced(loss, ((i[0], one(i)) for i in pixels(valid)), p.shape)


def moments(loss, values, valid):
    """Per group the numbers whose mean a loss takes: the valid ones, or all with 0 at holes."""
    everything = loss.reduction == "holes_as_zero_error"
    found = [
        np.concatenate([(values[b] * valid[b]).ravel() if everything else values[b][valid[b]] for b in group])
        for group in groups(loss, values.shape)
    ]
    return [x for x in found if len(x)]


def cauchy(loss, p, t, valid):
    if loss.variant == "released":
        return mean(math.log(1 + x.mean()) for x in moments(loss, (p - t) ** 2, valid))
    return reduced(loss, ((i[0], math.log(1 + (p[i] - t[i]) ** 2)) for i in pixels(valid)), p.shape)


def dbe(loss, p, t, valid):
    def gamma(y):
        return loss.a1 * y + loss.a2 / 2 * y * y

    return reduced(loss, ((i[0], (gamma(p[i]) - gamma(t[i])) ** 2 / 2) for i in pixels(valid)), p.shape)


def log_map(loss, p, t, valid):
    out = np.zeros_like(p)
    for i in pixels(valid):
        out[i] = math.log(max(p[i], loss.min_prediction or 0)) - math.log(t[i])
    return out


def eigen(loss, p, t, valid):
    d = log_map(loss, p, t, valid)
    extra = d.size if loss.variant == "released" else 1
    return mean((x**2).mean() - loss.lambda_ * (x.mean() / extra) ** 2 for x in moments(loss, d, valid))


def sobel_at(x, b, c, i, j):
    """Both derivatives at a pixel, with zeros outside."""

    def at(k, m):
        return x[b, c, k, m] if 0 <= k < x.shape[2] and 0 <= m < x.shape[3] else 0.0

    gx = sum(w * (at(i + k, j + 1) - at(i + k, j - 1)) for k, w in ((-1, 1), (0, 2), (1, 1)))
    gy = sum(w * (at(i + 1, j + k) - at(i - 1, j + k)) for k, w in ((-1, 1), (0, 2), (1, 1)))
    return gx, gy


def surrounded(valid):
    """Pixels whose 3x3 neighborhood is valid as far as it lies inside."""
    height, width = valid.shape[2:]
    return [
        (b, c, i, j)
        for b, c, i, j in np.ndindex(valid.shape)
        if valid[b, c, max(i - 1, 0) : min(i + 2, height), max(j - 1, 0) : min(j + 2, width)].all()
    ]


def eigen_grad(loss, p, t, valid):
    d = log_map(loss, p, t, valid)
    where = pixels(valid) if loss.variant == "released" else surrounded(valid)
    slope = reduced(loss, ((i[0], sum(g * g for g in sobel_at(d, *i))) for i in where), p.shape)
    return eigen(loss, p, t, valid) + slope


def silog(loss, p, t, valid):
    d = log_map(loss, p, t, valid)

    def one(x):
        value = (x**2).mean() - loss.lambda_ * x.mean() ** 2
        return loss.scale * (math.sqrt(value + loss.eps) if loss.root else value)

    return mean(one(x) for x in moments(loss, d, valid))


def scale_shift(loss, p, t, valid):
    def aligned(x):
        middle = sorted(x)[(len(x) - 1) // 2]
        return (x - middle) / max(abs(x - middle).mean(), 1e-6)

    def one(b):
        residual = sorted(abs(aligned(p[b][valid[b]]) - aligned(t[b][valid[b]])))
        kept = residual[: len(residual) - int(loss.trim * len(residual))]
        return sum(kept), 2 * len(residual)

    return reduced_sums(loss, [one(b) for b in per_image(valid)])


def differences(e, valid, operator):
    """Per direction the pairs (image, derivative) whose pixels are all valid."""
    if operator == "none":
        return [[(i[0], e[i]) for i in pixels(valid) if i[1] == c] for c in range(2)]
    if operator == "sobel":
        return [[(i[0], sobel_at(e, *i)[k]) for i in surrounded(valid)] for k in range(2)]
    step = 1 if operator == "forward" else 2
    found = [[], []]
    for b, c, i, j in np.ndindex(e.shape):
        for k, other in ((0, (b, c, i, j + step)), (1, (b, c, i + step, j))):
            if other[2] < e.shape[2] and other[3] < e.shape[3] and valid[b, c, i, j] and valid[other]:
                found[k].append((b, e[other] - e[b, c, i, j]))
    return found


def directions(loss, found, shape, error):
    """Sum over both directions of the reduced ``error`` of a derivative."""
    batch, channels, height, width = shape
    sizes = {
        "none": [(batch, 1, height, width)] * 2,
        "sobel": [shape] * 2,
        "forward": [(batch, channels, height, max(width - 1, 0)), (batch, channels, max(height - 1, 0), width)],
        "central": [(batch, channels, height, max(width - 2, 0)), (batch, channels, max(height - 2, 0), width)],
    }[loss.operator]
    return sum(reduced(loss, ((b, error(x)) for b, x in part), size) for part, size in zip(found, sizes, strict=True))


def gradient(loss, p, t, valid):
    parts = differences(p - t, valid, loss.operator)
    if loss.variant == "paper":
        return directions(loss, parts, p.shape, abs)
    height, width = p.shape[2:]
    for k, part in enumerate(parts):  # the last column and row count, with a difference of 0
        part += [(i[0], 0.0) for i in pixels(valid) if (i[3] == width - 1 if k == 0 else i[2] == height - 1)]
    return sum(reduced(loss, ((b, abs(x)) for b, x in part), p.shape) for part in parts)


def log_gradient(loss, p, t, valid):
    e = p - t if loss.variant == "released" else abs(p - t)
    return directions(loss, differences(e, valid, loss.operator), p.shape, lambda x: math.log(abs(x) + loss.alpha))


def one_minus_cosine(a, b):
    dot = a[0] * b[0] + a[1] * b[1] + 1
    return 1 - dot / math.sqrt((a[0] ** 2 + a[1] ** 2 + 1) * (b[0] ** 2 + b[1] ** 2 + 1))


def sobel_normals(loss, p, t, valid):
    found = ((i[0], one_minus_cosine(sobel_at(p, *i), sobel_at(t, *i))) for i in surrounded(valid))
    return reduced(loss, found, p.shape)


def halved(x, valid):
    height, width = math.ceil(x.shape[0] / 2), math.ceil(x.shape[1] / 2)
    out, mask = np.zeros((height, width)), np.zeros((height, width), dtype=bool)
    for i, j in np.ndindex(height, width):
        inside = valid[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        if inside.any():
            out[i, j], mask[i, j] = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2][inside].mean(), True
    return out, mask


def multiscale_gradient(loss, p, t, valid):
    levels = [(p[b, 0] - t[b, 0], valid[b, 0]) for b in range(len(p))]
    total = 0.0
    for _ in range(loss.scales):
        if min(levels[0][0].shape) < 2:
            break
        found = [differences(e[None, None], m[None, None], "forward") for e, m in levels]
        sums = [[(sum(abs(x) for _, x in f[k]), len(f[k])) for f in found] for k in range(2)]
        total += sum(reduced_sums(loss, part) for part in sums)
        levels = [halved(*level) for level in levels]
    return total


def gradient_distance(loss, p, t, valid):
    return directions(loss, differences(p - t, valid, loss.operator), p.shape, lambda x: x * x)


def ssim(loss, p, t, valid):
    n, reach = len(loss.weights), len(loss.weights) // 2
    c1, c2 = loss.constants
    weight = np.array([[float(a * b) for b in loss.weights] for a in loss.weights])
    height, width = p.shape[2:]
    rows, columns = (range(height), range(width))
    if loss.padding == "valid":
        rows, columns = rows[reach : height - reach], columns[reach : width - reach]

    def mirrored(k, size):
        return -k if k < 0 else 2 * (size - 1) - k if k >= size else k

    def one(b, i, j):
        ys = [mirrored(i + k - reach, height) for k in range(n)]
        xs = [mirrored(j + k - reach, width) for k in range(n)]
        w = weight * valid[b, 0][np.ix_(ys, xs)]
        w = w / w.sum()
        x, y = p[b, 0][np.ix_(ys, xs)], t[b, 0][np.ix_(ys, xs)]
        mx, my = (w * x).sum(), (w * y).sum()
        vx, vy, cov = (w * (x - mx) ** 2).sum(), (w * (y - my) ** 2).sum(), (w * (x - mx) * (y - my)).sum()
        similarity = (2 * mx * my + c1) * (2 * cov + c2)
        return (1 - similarity / ((mx**2 + my**2 + c1) * (vx + vy + c2))) / 2

    places = [(b, i, j) for b in range(len(p)) for i in rows for j in columns]
    found = ((b, one(b, i, j)) for b, i, j in places if valid[b, 0, i, j])
    return reduced(loss, found, (len(p), 1, len(rows), len(columns)))


def ssim_l1(loss, p, t, valid):
    absolute = reduced(loss, ((i[0], abs(p[i] - t[i])) for i in pixels(valid)), p.shape)
    return loss.alpha * ssim(loss, p, t, valid) + (1 - loss.alpha) * absolute


def heteroscedastic(loss, p, t, valid):
    def one(b, _, i, j):
        e, s = p[b, 0, i, j] - t[b, 0, i, j], p[b, 1, i, j]
        if loss.distribution == "gaussian":
            return 0.5 * math.exp(-s) * e * e + 0.5 * s
        return math.exp(-s) * abs(e) + s

    return reduced(loss, ((i[0], one(*i)) for i in pixels(valid)), t.shape)


def bicubic(x, valid, k):
    """Keys' cubic, a = -0.75, at the centers of blocks of 2^k pixels, replicated border; invalid if a tap is a hole."""

    def kernel(s):
        s, a = abs(s), -0.75
        if s <= 1:
            return (a + 2) * s**3 - (a + 3) * s**2 + 1
        return a * s**3 - 5 * a * s**2 + 8 * a * s - 4 * a if s < 2 else 0.0

    def taps(size, step, i):
        center = (i + 0.5) * step - 0.5
        first = math.floor(center) - 1
        return [(min(max(first + n, 0), size - 1), kernel(center - first - n)) for n in range(4)]

    if k == 0:
        return x, valid
    height, width = x.shape
    small = min(height, width) < 2**k
    rows, columns = (1, 1) if small else (height // 2**k, width // 2**k)
    out, mask = np.zeros((rows, columns)), np.zeros((rows, columns), dtype=bool)
    for i, j in np.ndindex(rows, columns):
        ys, xs = taps(height, height if small else 2**k, i), taps(width, width if small else 2**k, j)
        mask[i, j] = all(valid[y, z] for y, _ in ys for z, _ in xs)
        if mask[i, j]:
            out[i, j] = sum(x[y, z] * wy * wx for y, wy in ys for z, wx in xs)
    return out, mask


class Scale:
    """The 13 kinds at one scale of one image; a pixel that doesn't exist is None."""

    def __init__(self, p, t, valid, border):
        self.p, self.t, self.valid, self.border = p, t, valid, border
        self.height, self.width = p.shape

    def at(self, x, i, j):
        if self.border == "replicate":
            i, j = min(max(i, 0), self.height - 1), min(max(j, 0), self.width - 1)
        elif not (0 <= i < self.height and 0 <= j < self.width):
            return None
        return x[i, j] if self.valid[i, j] else None

    def slope(self, x, name, i, j):
        """A derivative by name: the last letter is taken first."""
        if not name:
            return self.at(x, i, j)
        down, right = (0, 1) if name[0] == "r" else (1, 0)
        here, there = self.slope(x, name[1:], i, j), self.slope(x, name[1:], i + down, j + right)
        return None if here is None or there is None else there - here

    def around(self, x, i, j, n):
        """Mean over the window."""
        rows, columns = (np.arange(k - n // 2, k + n // 2 + 1) for k in (i, j))
        if self.border == "replicate":
            rows, columns = rows.clip(0, self.height - 1), columns.clip(0, self.width - 1)
        else:
            rows, columns = rows[(rows >= 0) & (rows < self.height)], columns[(columns >= 0) & (columns < self.width)]
        window = np.ix_(rows, columns)
        return x[window][self.valid[window]].mean()

    def values(self, kind):
        everywhere = [(i, j) for i, j in np.ndindex(self.height, self.width) if self.valid[i, j]]
        if kind == "D":
            return [abs(self.p[i] - self.t[i]) for i in everywhere]
        if kind == "M":
            mp, mt = mean(self.p[i] for i in everywhere), mean(self.t[i] for i in everywhere)
            return [abs((self.p[i] - mp) - (self.t[i] - mt)) for i in everywhere]
        if kind in ("M5", "M17", "M65"):
            n = int(kind[1:])
            both = [
                ((self.p[i] - self.around(self.p, *i, n)), (self.t[i] - self.around(self.t, *i, n))) for i in everywhere
            ]
            return [abs(a - b) for a, b in both]
        if kind[0] in "rc":
            pairs = [(self.slope(self.p, kind, *i), self.slope(self.t, kind, *i)) for i in everywhere]
            return [abs(a - b) for a, b in pairs if a is not None and b is not None]
        axes = {"N": ("r", "c"), "Nr": ("rr", "rc"), "Nc": ("rc", "cc")}[kind]
        normals = [tuple(self.slope(x, axis, *i) for x in (self.p, self.t) for axis in axes) for i in everywhere]
        return [one_minus_cosine(n[:2], n[2:]) for n in normals if None not in n]


@lru_cache(maxsize=64)
def space_sums(variant, shape, p, t, valid):
    """All 78 terms of each image as dicts name -> (sum, number of pixels), without those that have no pixel."""
    p, t = (np.frombuffer(x).reshape(shape) for x in (p, t))
    valid = np.frombuffer(valid, dtype=bool).reshape(shape)
    images = []
    for b in range(shape[0]):
        terms, levels = {}, [(p[b, 0], valid[b, 0], t[b, 0])]
        for k in range(6):
            if variant == "released":
                (x, mask), (y, _) = bicubic(p[b, 0], valid[b, 0], k), bicubic(t[b, 0], valid[b, 0], k)
            else:
                if k > 0:
                    x, mask, y = levels[-1]
                    levels.append((*halved(x, mask), halved(y, mask)[0]))
                x, mask, y = levels[-1]
            scale = Scale(x, y, mask, "replicate" if variant == "released" else "hole")
            for kind in ("D", "M", "M5", "M17", "M65", "r", "c", "rr", "rc", "cc", "N", "Nr", "Nc"):
                values = scale.values(kind)
                if values:
                    terms[f"{kind}/{k}"] = sum(values), len(values)
        images.append(terms)
    return images


def space(variant, p, t, valid):
    """The terms of each image: name -> mean."""
    return [{name: total / count for name, (total, count) in image.items()} for image in sums(variant, p, t, valid)]


def sums(variant, p, t, valid):
    p, t = (np.ascontiguousarray(x, dtype=np.float64) for x in (p, t))
    return space_sums(variant, p.shape, p.tobytes(), t.tobytes(), valid.tobytes())


def weighted_terms(loss, p, t, valid):
    images = sums(loss.space.variant, p, t, valid)
    return sum(
        float(weight) * reduced_sums(loss, [image[name] for image in images if name in image])
        for name, weight in zip(loss.names, loss.weighting.weights, strict=True)
    )


def weighted_sum(loss, p, t, valid):
    return sum(loss.weights[name] * reference(term, p, t, valid) for name, term in loss.losses.items())


REFERENCES = {
    L.L1: pointwise(lambda loss, d, g: abs(d - g)),
    L.L2: pointwise(lambda loss, d, g: (d - g) ** 2),
    L.RelativeL1: pointwise(lambda loss, d, g: abs(d - g) / g),
    L.Huber: huber,
    L.BerHu: berhu,
    L.Cauchy: cauchy,
    L.LogL1: pointwise(lambda loss, d, g: abs(math.log(max(d, loss.min_prediction or 0)) - math.log(g))),
    L.LogError: pointwise(lambda loss, d, g: math.log(abs(d - g) + loss.alpha)),
    L.DepthBalancedEuclidean: dbe,
    L.SquareRoot: pointwise(lambda loss, d, g: abs(math.sqrt(max(d, loss.min_prediction)) - math.sqrt(g))),
    L.Eigen: eigen,
    L.EigenGrad: eigen_grad,
    L.SILog: silog,
    L.ScaleShiftInvariant: scale_shift,
    L.Gradient: gradient,
    L.LogGradient: log_gradient,
    L.SobelNormals: sobel_normals,
    L.MultiScaleGradient: multiscale_gradient,
    L.GradientDistance: gradient_distance,
    L.SSIM: ssim,
    L.SSIML1: ssim_l1,
    L.Heteroscedastic: heteroscedastic,
    L.WeightedSum: weighted_sum,
    L.WeightedTerms: weighted_terms,
    L.SetLoss: lambda loss, p, t, valid: reference(loss.distance, p, t, valid),
}


def reference(loss, p, t, valid):
    """The value that ``loss`` must have; a class without a reference is an error."""
    return REFERENCES[type(loss)](loss, p, t, valid)
