"""Hostile input, by class; each case says how its row must end. `make.py` writes all of them."""
