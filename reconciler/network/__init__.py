"""The way to a host: proxies, trusted certificates, connections, and the reason why a host cannot be reached."""
