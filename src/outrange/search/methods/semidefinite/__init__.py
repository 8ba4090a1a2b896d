"""Semidefinite relaxations, which use constraints on products of two linear forms."""
