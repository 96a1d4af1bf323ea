"""The compiled engine: a network's training step as machine code, on the same live buffers as NumPy's.

It needs numba (``pip install neurosim[fast]``).  Activations, losses and update rules are not written again for it: the
readable rule of each is traced and becomes the body of a loop (`tracing`, `sources`); what goes along rows and columns
is in `blocks`; `machine` compiles each piece once and keeps it on the disk; `program` puts the pieces of a network into
a table, which one call from Python works through.
"""
