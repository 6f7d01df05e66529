"""One command, a leaderboard: many models on many data sets under many protocols, a process for each model and set.

asked (command line) -> keys (what is done already?) -> work (processes) -> results and ``leaderboard.json`` in a folder
"""
