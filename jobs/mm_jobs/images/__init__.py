"""The picture mirror: pictures of the archive, brought into its bucket."""
