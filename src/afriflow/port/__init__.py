"""What a provider must be, and what it is given: the protocol, the factory, HTTP and signatures."""
