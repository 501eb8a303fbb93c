"""The HTTP side: gateway, routes, faults and the control plane."""
