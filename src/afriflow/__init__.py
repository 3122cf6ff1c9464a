"""AfriFlow takes and sends African payments through many providers behind one API."""

__version__ = "0.1.0"
