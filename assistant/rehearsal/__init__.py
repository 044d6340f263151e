"""The practice internet: real Debian hosts, names, certificates and packages on one machine.

Phase one (`prepare`) fills a cache from the real registries and needs the network. Phase two
(`contain`, then `lab`) runs sealed off, without any route to anything real.
"""
