"""Spending compute on many trains of thought: votes and picks over stored samples, reward models, tree search.

Knows the `Engine` protocol, stored generations and their grades. Refuses to generate anything twice.
"""
