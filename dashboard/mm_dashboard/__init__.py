"""Shows the archive and the loop: reads the warehouse, Kubernetes and the bucket; acts through API and topics."""
