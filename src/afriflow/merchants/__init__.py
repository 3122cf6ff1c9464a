"""Who is who: merchants, their keys, their people, their contracts with providers."""
