"""Sets up what the product runs on: tools, images and a local cluster. Standard library only, so it runs first."""
