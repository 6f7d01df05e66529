"""File formats: lists, MATLAB, PFM, laser scans, zips."""
