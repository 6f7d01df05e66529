"""Published numbers beside ours: cells that name a number with its source, results that exist, and verdicts.

conf/cells/*.yaml -> published cells -> verdicts <- results (run folders, evaluate's JSON)
"""
