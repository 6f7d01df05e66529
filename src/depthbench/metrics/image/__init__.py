"""Metrics that score an image as a whole: edges, boundaries, normals, order, points, SSIM."""
