"""AfriFlow takes and sends African payments through many providers behind one API."""
