"""Faults of program, data and bus, what each must lead to, and a campaign that injects them."""
