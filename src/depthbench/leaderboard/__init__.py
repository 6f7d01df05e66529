"""One command, a leaderboard: many models on many data sets under many protocols, a process for each model and set.

asked (command line) -> keys (finished cells) -> work (processes) -> results and ``leaderboard.json`` in a folder
"""
